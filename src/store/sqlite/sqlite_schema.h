/* SPDX-License-Identifier: Apache-2.0
 *
 * Migration scripts for SQLite, oldest first. Never change one that was released: add another.
 */
#ifndef ZEUS_STORE_SQLITE_SCHEMA_H
#define ZEUS_STORE_SQLITE_SCHEMA_H

#define SQLITE_MIGRATION_COUNT 1

extern const char *const sqlite_migrations[SQLITE_MIGRATION_COUNT];

#endif /* ZEUS_STORE_SQLITE_SCHEMA_H */
