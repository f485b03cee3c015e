/* SPDX-License-Identifier: Apache-2.0
 *
 * TOML's grammar above the scalars: statements, keys, headers, arrays and inline tables. Recursion
 * goes only into values and is bounded by TOML_DEPTH_MAX.
 */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/macro.h"
#include "codec/toml_private.h"
#include "codec/utf8.h"

#define ARENA_MAX (32u << 20)

/* The parts of a dotted key. */
struct path {
    const char *parts[TOML_DEPTH_MAX];
    size_t count;
};

char toml_peek(const struct toml_cursor *c, size_t ahead)
{
    return ahead < c->len - c->pos ? c->text[c->pos + ahead] : '\0';
}

const char *toml_found(const struct toml_cursor *c, char out[16])
{
    if (c->pos == c->len) {
        return "the end of the file";
    }
    char ch = c->text[c->pos];
    if (ch == '\n' || ch == '\r') {
        return "the end of the line";
    }
    int width = (int)utf8_sequence_length(c->text + c->pos, c->len - c->pos);
    (void)snprintf(out, 16, "'%.*s'", width, c->text + c->pos);
    return out;
}

static int expected(struct toml_cursor *c, const char *what)
{
    char word[16];
    return toml_refuse(c, "expected %s, found %s", what, toml_found(c, word));
}

static void skip_blanks(struct toml_cursor *c)
{
    while (toml_peek(c, 0) == ' ' || toml_peek(c, 0) == '\t') {
        c->pos++;
    }
}

static void skip_comment(struct toml_cursor *c)
{
    skip_blanks(c);
    if (toml_peek(c, 0) == '#') {
        while (c->pos < c->len && c->text[c->pos] != '\n') {
            c->pos++;
        }
    }
    if (toml_peek(c, 0) == '\r') {
        c->pos++;
    }
}

/* Blanks, comments and newlines: between the statements and inside arrays. */
static void skip_lines(struct toml_cursor *c)
{
    skip_comment(c);
    while (toml_peek(c, 0) == '\n') {
        c->line++;
        c->pos++;
        skip_comment(c);
    }
}

static int is_bare(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '-';
}

static int read_key(struct toml_cursor *c, const char **ret)
{
    char first = toml_peek(c, 0);
    if (first == '"' || first == '\'') {
        return toml_read_string(c, 0, ret);
    }
    size_t len = 0;
    while (is_bare(toml_peek(c, len))) {
        len++;
    }
    if (len == 0) {
        return expected(c, "a key");
    }
    *ret = arena_strndup(&c->doc->arena, c->text + c->pos, len);
    c->pos += len;
    return *ret ? 0 : toml_no_memory(c);
}

/* "a . b.'c'", and the blanks after it. */
static int read_path(struct toml_cursor *c, struct path *path)
{
    path->count = 0;
    for (;;) {
        if (path->count == TOML_DEPTH_MAX) {
            return toml_error(c->doc, c->line, ZEUS_ELIMIT, c->err, "a key of more than %d parts",
                              TOML_DEPTH_MAX);
        }
        skip_blanks(c);
        int r = read_key(c, &path->parts[path->count]);
        if (r < 0) {
            return r;
        }
        path->count++;
        skip_blanks(c);
        if (toml_peek(c, 0) != '.') {
            return 0;
        }
        c->pos++;
    }
}

static struct toml_table *new_table(struct toml_cursor *c, struct toml_value *value)
{
    struct toml_table *table = arena_alloc(&c->doc->arena, 1, sizeof(*table));
    if (table) {
        table->line = c->line;
        *value = (struct toml_value){.kind = TOML_TABLE, .line = c->line, .as.table = table};
    }
    return table;
}

static struct toml_entry *find_entry(const struct toml_table *table, const char *key)
{
    struct toml_entry *e = table->first;
    while (e && strcmp(e->key, key) != 0) {
        e = e->next;
    }
    return e;
}

/* The table `key` of *table, made when it is not there. */
static int add_table(struct toml_cursor *c, struct toml_table **table, const char *key)
{
    struct toml_entry *entry;
    int r = toml_insert(c, *table, key, &entry);
    if (r < 0) {
        return r;
    }
    struct toml_table *made = new_table(c, &entry->value);
    if (!made) {
        return toml_no_memory(c);
    }
    *table = made;
    return 0;
}

/* One step of a header: into a table, or the last of an array of tables. */
static int enter_header(struct toml_cursor *c, struct toml_table **table, const char *key)
{
    struct toml_entry *e = find_entry(*table, key);
    if (!e) {
        return add_table(c, table, key);
    }
    if (e->value.kind == TOML_ARRAY && e->value.as.array.is_of_tables) {
        *table = e->value.as.array.last->value.as.table;
        return 0;
    }
    if (e->value.kind != TOML_TABLE || e->value.as.table->is_closed) {
        return toml_refuse(c, "`%.60s` holds a value already (line %u)", key, e->value.line);
    }
    *table = e->value.as.table;
    return 0;
}

/* One step of a dotted key: only tables that no header and no other section has made. */
static int enter_dotted(struct toml_cursor *c, struct toml_table **table, const char *key)
{
    struct toml_entry *e = find_entry(*table, key);
    if (!e) {
        int r = add_table(c, table, key);
        if (r == 0) {
            (*table)->section = c->section;
        }
        return r;
    }
    struct toml_table *found = e->value.kind == TOML_TABLE ? e->value.as.table : NULL;
    if (!found || found->is_closed || found->is_explicit ||
        (found->section != 0 && found->section != c->section)) {
        return toml_refuse(c, "`%.60s` cannot be added to (line %u)", key, e->value.line);
    }
    found->section = c->section;
    *table = found;
    return 0;
}

/* "path = value" into `table`. */
static int read_pair(struct toml_cursor *c, struct toml_table *table)
{
    struct path path;
    int r = read_path(c, &path);
    if (r < 0) {
        return r;
    }
    for (size_t i = 0; i + 1 < path.count; i++) {
        r = enter_dotted(c, &table, path.parts[i]);
        if (r < 0) {
            return r;
        }
    }
    if (toml_peek(c, 0) != '=') {
        return expected(c, "'='");
    }
    c->pos++;
    skip_blanks(c);
    struct toml_entry *entry;
    r = toml_insert(c, table, path.parts[path.count - 1], &entry);
    return r < 0 ? r : toml_read_value(c, &entry->value);
}

static int open_table(struct toml_cursor *c, struct toml_table **table, const char *key)
{
    const struct toml_entry *e = find_entry(*table, key);
    if (e && e->value.kind == TOML_ARRAY) {
        return toml_refuse(c, "`%.60s` is an array (line %u)", key, e->value.line);
    }
    int r = enter_header(c, table, key);
    if (r < 0) {
        return r;
    }
    if ((*table)->is_explicit || (*table)->section != 0) {
        return toml_refuse(c, "the table `%.60s` is there already (line %u)", key, (*table)->line);
    }
    (*table)->is_explicit = 1;
    (*table)->line = c->line;
    return 0;
}

static int append_item(struct toml_cursor *c, struct toml_array *array, struct toml_item **ret)
{
    if (c->nodes == TOML_NODES_MAX) {
        return toml_error(c->doc, c->line, ZEUS_ELIMIT, c->err, "too many values");
    }
    struct toml_item *item = arena_alloc(&c->doc->arena, 1, sizeof(*item));
    if (!item) {
        return toml_no_memory(c);
    }
    if (array->last) {
        array->last->next = item;
    } else {
        array->first = item;
    }
    array->last = item;
    array->count++;
    c->nodes++;
    *ret = item;
    return 0;
}

static int open_item(struct toml_cursor *c, struct toml_table **table, const char *key)
{
    struct toml_entry *e = find_entry(*table, key);
    if (e && (e->value.kind != TOML_ARRAY || !e->value.as.array.is_of_tables)) {
        return toml_refuse(c, "`%.60s` is no array of tables (line %u)", key, e->value.line);
    }
    if (!e) {
        int r = toml_insert(c, *table, key, &e);
        if (r < 0) {
            return r;
        }
        e->value = (struct toml_value){
            .kind = TOML_ARRAY, .line = c->line, .as.array = {.is_of_tables = 1}};
    }
    struct toml_item *item;
    int r = append_item(c, &e->value.as.array, &item);
    if (r < 0) {
        return r;
    }
    *table = new_table(c, &item->value);
    if (!*table) {
        /* The half-made item is never looked at: a failed parse frees the document. */
        return toml_no_memory(c);
    }
    (*table)->is_explicit = 1;
    return 0;
}

/* "[a.b]" or "[[a.b]]"; *ret is where the pairs below it go. */
static int read_header(struct toml_cursor *c, struct toml_table **ret)
{
    int is_item = toml_peek(c, 1) == '[';
    c->pos += is_item ? 2 : 1;
    c->section++;
    struct path path;
    int r = read_path(c, &path);
    if (r < 0) {
        return r;
    }
    if (toml_peek(c, 0) != ']' || (is_item && toml_peek(c, 1) != ']')) {
        return expected(c, is_item ? "']]'" : "']'");
    }
    c->pos += is_item ? 2 : 1;
    *ret = &c->doc->root;
    for (size_t i = 0; i + 1 < path.count; i++) {
        r = enter_header(c, ret, path.parts[i]);
        if (r < 0) {
            return r;
        }
    }
    const char *key = path.parts[path.count - 1];
    return is_item ? open_item(c, ret, key) : open_table(c, ret, key);
}

static int read_array(struct toml_cursor *c, struct toml_array *array)
{
    c->pos++;
    for (skip_lines(c); toml_peek(c, 0) != ']'; skip_lines(c)) {
        struct toml_item *item;
        int r = append_item(c, array, &item);
        if (r == 0) {
            r = toml_read_value(c, &item->value);
        }
        if (r < 0) {
            return r;
        }
        skip_lines(c);
        if (toml_peek(c, 0) == ']') {
            break;
        }
        if (toml_peek(c, 0) != ',') {
            return expected(c, "',' or ']'");
        }
        c->pos++;
    }
    c->pos++;
    return 0;
}

static int read_inline_table(struct toml_cursor *c, struct toml_table *table)
{
    c->pos++;
    skip_blanks(c);
    if (toml_peek(c, 0) == '}') {
        c->pos++;
        return 0;
    }
    for (;;) {
        skip_blanks(c);
        int r = read_pair(c, table);
        if (r < 0) {
            return r;
        }
        skip_blanks(c);
        char ch = toml_peek(c, 0);
        if (ch != ',' && ch != '}') {
            return expected(c, "',' or '}'");
        }
        c->pos++;
        if (ch == '}') {
            return 0;
        }
    }
}

static int read_nested(struct toml_cursor *c, struct toml_value *ret)
{
    if (toml_peek(c, 0) == '[') {
        ret->kind = TOML_ARRAY;
        ret->as.array = (struct toml_array){.count = 0};
        return read_array(c, &ret->as.array);
    }
    struct toml_table *table = new_table(c, ret);
    if (!table) {
        return toml_no_memory(c);
    }
    int r = read_inline_table(c, table);
    table->is_closed = 1;
    return r;
}

int toml_read_value(struct toml_cursor *c, struct toml_value *ret)
{
    ret->line = c->line;
    char first = toml_peek(c, 0);
    if (first == '"' || first == '\'') {
        ret->kind = TOML_STRING;
        return toml_read_string(c, 1, &ret->as.string);
    }
    if (first != '[' && first != '{') {
        return toml_read_plain(c, ret);
    }
    if (c->depth == TOML_DEPTH_MAX) {
        return toml_error(c->doc, c->line, ZEUS_ELIMIT, c->err, "nested deeper than %d levels",
                          TOML_DEPTH_MAX);
    }
    c->depth++;
    int r = read_nested(c, ret);
    c->depth--;
    return r;
}

static int read_statements(struct toml_cursor *c)
{
    struct toml_table *current = &c->doc->root;
    for (skip_lines(c); c->pos < c->len; skip_lines(c)) {
        int r = toml_peek(c, 0) == '[' ? read_header(c, &current) : read_pair(c, current);
        if (r < 0) {
            return r;
        }
        skip_comment(c);
        if (c->pos < c->len && toml_peek(c, 0) != '\n') {
            return expected(c, "the end of the line");
        }
    }
    return 0;
}

/* UTF-8 throughout, no control characters but tab and line ends: then nothing below need ask. */
static int check_text(struct toml_cursor *c)
{
    for (size_t i = 0; i < c->len;) {
        size_t width = utf8_sequence_length(c->text + i, c->len - i);
        unsigned char ch = (unsigned char)c->text[i];
        if (width == 0) {
            return toml_refuse(c, "the file is not UTF-8 (byte 0x%02X)", ch);
        }
        int is_line_end = ch == '\r' && i + 1 < c->len && c->text[i + 1] == '\n';
        if ((ch < 0x20 && ch != '\t' && ch != '\n' && !is_line_end) || ch == 0x7F) {
            return toml_refuse(c, "the control character 0x%02X is not allowed", ch);
        }
        c->line += ch == '\n';
        i += width;
    }
    c->line = 1;
    return 0;
}

static void set_name(struct toml_document *doc, const char *name)
{
    size_t len = strlen(name);
    size_t room = sizeof(doc->name) - 1;
    if (len <= room) {
        memcpy(doc->name, name, len + 1);
        return;
    }
    (void)snprintf(doc->name, sizeof(doc->name), "...%s", name + len - (room - 3));
}

int toml_parse(const char *text, size_t len, const char *name, struct toml_document *ret,
               zeus_error *err)
{
    struct toml_document doc = {.name = ""};
    set_name(&doc, name);
    if (len > TOML_SIZE_MAX) {
        return err_set(err, ZEUS_ELIMIT, "%s: larger than %u bytes", doc.name, TOML_SIZE_MAX);
    }
    arena_init(&doc.arena, ARENA_MAX);
    struct toml_cursor c = {
        .text = text, .len = len, .line = 1, .section = 1, .doc = &doc, .err = err};
    int r = check_text(&c);
    if (r == 0) {
        r = read_statements(&c);
    }
    if (r < 0) {
        toml_done(&doc);
        return r;
    }
    *ret = doc;
    return 0;
}
