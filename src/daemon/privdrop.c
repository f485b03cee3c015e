/* SPDX-License-Identifier: Apache-2.0
 *
 * Capabilities by the system calls themselves (capabilities(7)); no libcap. The order matters: the
 * bounding set while we may still narrow it, then the user with capabilities kept across the
 * change, then the sets, then no_new_privs.
 */
#include "daemon/privdrop.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/macro.h"

#define CAPABILITIES_MAX 64

/* By number, as the kernel has them. */
static const char *const names[] = {
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
};

struct capability_sets {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};

int privdrop_number(const char *capability)
{
    if (strncasecmp(capability, "cap_", 4) == 0) {
        capability += 4;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcasecmp(capability, names[i]) == 0) {
            return (int)i;
        }
    }
    return ZEUS_EINVAL;
}

static int read_sets(struct capability_sets *ret)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}};
    if (syscall(SYS_capget, &header, data) < 0) {
        return err_from_errno(errno);
    }
    *ret = (struct capability_sets){
        .effective = data[0].effective | (uint64_t)data[1].effective << 32,
        .permitted = data[0].permitted | (uint64_t)data[1].permitted << 32,
        .inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32};
    return 0;
}

static int write_sets(const struct capability_sets *sets)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    for (unsigned i = 0; i < 2; i++) {
        data[i] = (struct __user_cap_data_struct){
            .effective = (uint32_t)(sets->effective >> (32 * i)),
            .permitted = (uint32_t)(sets->permitted >> (32 * i)),
            .inheritable = (uint32_t)(sets->inheritable >> (32 * i))};
    }
    return syscall(SYS_capset, &header, data) < 0 ? err_from_errno(errno) : 0;
}

int privdrop_has(const char *capability)
{
    int number = privdrop_number(capability);
    struct capability_sets sets;
    if (number < 0) {
        return number;
    }
    int r = read_sets(&sets);
    return r < 0 ? r : (int)(sets.effective >> number & 1);
}

/* The names' bits, less what the process does not have. */
static int read_keep(const struct privdrop_options *o, uint64_t *ret, zeus_error *err)
{
    struct capability_sets sets;
    if (read_sets(&sets) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "capget");
    }
    uint64_t keep = 0;
    for (size_t i = 0; i < o->keep_count; i++) {
        int number = privdrop_number(o->keep[i]);
        if (number < 0) {
            return err_set(err, ZEUS_EINVAL, "capability %s: no such capability", o->keep[i]);
        }
        keep |= UINT64_C(1) << number;
    }
    *ret = keep & sets.permitted;
    return 0;
}

static int count_threads(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/task");
    for (const struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir)) {
        count += entry->d_name[0] != '.';
    }
    if (dir) {
        (void)closedir(dir); /* was only read */
    }
    return count; /* 0: no /proc, nothing known */
}

/* Needs CAP_SETPCAP; without it a program with file capabilities is stopped by no_new_privs. */
static void narrow_bounds(uint64_t keep)
{
    for (int i = 0; i < CAPABILITIES_MAX; i++) {
        if (!(keep >> i & 1) && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1) {
            (void)prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
        }
    }
}

static int become(const char *user, zeus_error *err)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];
    int status = getpwnam_r(user, &entry, buffer, sizeof(buffer), &found);
    if (status != 0 || !found) {
        return err_set(err, ZEUS_ENOTFOUND, "user %s: not known on this system", user);
    }
    if (geteuid() == entry.pw_uid && getuid() == entry.pw_uid) {
        return 0; /* the service manager was here before us */
    }
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(user, entry.pw_gid) < 0 ||
        setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid) < 0 ||
        setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid) < 0) {
        return err_set_os(err, err_from_errno(errno), errno, "change to user %s", user);
    }
    return 0;
}

static int set_ambient(uint64_t keep, int is_handed, zeus_error *err)
{
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (int i = 0; is_handed && i < CAPABILITIES_MAX; i++) {
        if ((keep >> i & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0) {
            return err_set_os(err, err_from_errno(errno), errno, "ambient capability %s",
                              (size_t)i < ARRAY_LEN(names) ? names[i] : "(unnamed)");
        }
    }
    return 0;
}

/* Believing is good: what the kernel says now must be what was meant. */
static int verify(uint64_t keep, zeus_error *err)
{
    struct capability_sets now = {0};
    if (read_sets(&now) < 0 || now.permitted != keep || now.effective != keep) {
        return err_set(err, ZEUS_EINTERNAL, "capabilities are not what they were set to");
    }
    return 0;
}

int privdrop_apply(const struct privdrop_options *options, zeus_error *err)
{
    uint64_t keep = 0;
    if (count_threads() > 1) {
        return err_set(err, ZEUS_ESTATE,
                       "privileges can only be dropped before threads are started");
    }
    int r = read_keep(options, &keep, err);
    if (r < 0) {
        return r;
    }
    if (!options->may_gain) {
        narrow_bounds(keep);
    }
    r = options->user ? become(options->user, err) : 0;
    if (r < 0) {
        return r;
    }
    struct capability_sets sets = {keep, keep, options->is_handed ? keep : 0};
    if (write_sets(&sets) < 0) {
        return err_set_os(err, ZEUS_EPERM, errno, "capset");
    }
    r = set_ambient(keep, options->is_handed, err);
    if (r < 0) {
        return r;
    }
    if (!options->may_gain && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        return err_set_os(err, ZEUS_EOS, errno, "no_new_privs");
    }
    return verify(keep, err);
}
