/* SPDX-License-Identifier: Apache-2.0
 *
 * Migration scripts for PostgreSQL, oldest first. Never change one that was released: add another.
 */
#ifndef ZEUS_STORE_POSTGRES_SCHEMA_H
#define ZEUS_STORE_POSTGRES_SCHEMA_H

#define POSTGRES_MIGRATION_COUNT 1

extern const char *const postgres_migrations[POSTGRES_MIGRATION_COUNT];

#endif /* ZEUS_STORE_POSTGRES_SCHEMA_H */
