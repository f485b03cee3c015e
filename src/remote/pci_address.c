/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading PCI addresses, strictly: no blanks, no missing parts, nothing out of range.
 */
#include "remote/pci_address.h"

#include <stddef.h>

#include <zeus/error.h>

static int digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads between `least` and `most` digits followed by `end`; NULL when they are not there. */
static const char *part(const char *p, int least, int most, char end, uint64_t *ret_value)
{
    int count = 0;
    uint64_t value = 0;
    while (count < most && digit(*p) >= 0) {
        value = value * 16 + (uint64_t)digit(*p);
        p++;
        count++;
    }
    if (count < least || *p != end) {
        return NULL;
    }
    *ret_value = value;
    return p + (end != '\0');
}

int pci_address_parse(const char *text, uint64_t *ret_address)
{
    uint64_t domain = 0;
    uint64_t bus = 0;
    uint64_t device = 0;
    uint64_t function = 0;
    const char *p = part(text, 4, 8, ':', &domain);
    p = p ? part(p, 2, 2, ':', &bus) : NULL;
    p = p ? part(p, 2, 2, '.', &device) : NULL;
    p = p ? part(p, 1, 1, '\0', &function) : NULL;
    if (!p || device > 31 || function > 7) {
        return ZEUS_EPARSE;
    }
    *ret_address = domain << 16 | bus << 8 | device << 3 | function;
    return 0;
}

int pci_address_is_same(const char *a, const char *b)
{
    uint64_t first = 0;
    uint64_t second = 0;
    return pci_address_parse(a, &first) == 0 && pci_address_parse(b, &second) == 0 &&
           first == second;
}
