/* SPDX-License-Identifier: BSD-3-Clause */

/* What --store says. */

#ifndef NBDMIRROR_LOGD_STORE_SPEC_H
#define NBDMIRROR_LOGD_STORE_SPEC_H

#include <stdbool.h>

#define STORE_MAX_MEMBERS 8

/* Of itself; prefix is a part of text, or static. */
struct store_spec {
  char *text;                      /* NULL: none was given */
  char *member[STORE_MAX_MEMBERS]; /* "HOST:PORT" */
  unsigned nr_members;
  const char *prefix;
};

/* It is "etcd:...", not a directory. */
bool store_spec_is_etcd (const char *text);

/* "etcd:HOST[:PORT][,HOST[:PORT]...][/PREFIX]".  0, or -1 with the error
 * reported.
 */
int store_spec_parse (struct store_spec *spec, const char *text);
void store_spec_free (struct store_spec *spec);

/* All members are on this machine, by their addresses. */
bool store_spec_is_local (const struct store_spec *spec);

#endif /* NBDMIRROR_LOGD_STORE_SPEC_H */
