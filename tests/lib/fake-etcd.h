/* SPDX-License-Identifier: BSD-3-Clause */

/* An etcd in this process, for unit tests: what its gateway would answer to
 * what log/etcd asks, with faults on demand.  One at a time.
 */

#ifndef NBDMIRROR_FAKE_ETCD_H
#define NBDMIRROR_FAKE_ETCD_H

#include <stdbool.h>
#include <stddef.h>

#include "etcd.h"

extern const struct etcd_transport fake_etcd;

/* Empty, without faults. */
void fake_etcd_reset (void);

/* What becomes of the next transactions, so many of them. */
enum fake_fate {
  FATE_DONE,
  FATE_LOST,     /* never gets there */
  FATE_UNHEARD,  /* is made, and the answer is lost */
  FATE_LATE,     /* comes when fake_etcd_deliver is called */
  FATE_NO_SPACE, /* the database is full */
};
void fake_etcd_fate (enum fake_fate fate, unsigned times);

/* Nothing is answered any more, or again. */
void fake_etcd_mute (bool mute);

/* What was late comes now, each of them once; how many were made. */
unsigned fake_etcd_deliver (void);

/* Comparisons always hold: what a store without a guard would be. */
void fake_etcd_ignore_compares (bool ignore);

/* A lease ends, and the keys bound to it go. */
void fake_etcd_end_lease (int64_t lease);

/* The value of a key: its length, or -1 if there is none; and how many keys
 * begin so.
 */
int fake_etcd_value (const char *key, char *value, size_t size);
unsigned fake_etcd_count (const char *prefix);

/* Put it there by hand. */
void fake_etcd_set (const char *key, const char *value);

/* Transactions that came, late ones when they did. */
unsigned fake_etcd_txns (void);

#endif /* NBDMIRROR_FAKE_ETCD_H */
