/* SPDX-License-Identifier: BSD-3-Clause */

/* A mirror that is only a status, for the tests of the control socket and
 * of the tool.
 */

#ifndef NBDMIRROR_FAKE_MIRROR_H
#define NBDMIRROR_FAKE_MIRROR_H

#include "order.h"
#include "status.h"

struct mirror;

/* Two legs, in sync, nothing to do. */
struct mirror *fake_mirror_new (void);
void fake_mirror_free (struct mirror *m);

/* Between these two the caller may change the status. */
struct mirror_status *fake_mirror_lock (struct mirror *m);
void fake_mirror_unlock (struct mirror *m);

/* Wait until the status was asked for n times in all, or fail the test. */
void fake_mirror_wait (struct mirror *m, unsigned n);

/* The last order, as it came; and what becomes of the next ones.  Between lock and
 * unlock.
 */
struct fake_orders {
  unsigned given;
  enum order_verb verb;
  char leg[128], new_leg[128], value[64];
  unsigned seconds;
  bool dry_run;

  bool refuse;
  bool hold; /* ORDER_SUSPEND does not end, until mirror_end_orders */
};

struct fake_orders *fake_mirror_orders (struct mirror *m);

/* Wait until there was an order, or fail the test. */
void fake_mirror_wait_order (struct mirror *m);

/* A new directory, and a name in it; both in static memory. */
const char *fake_dir (void);
const char *fake_path (const char *name);

/* Remove the directory and what is in it. */
void fake_dir_remove (void);

#endif /* NBDMIRROR_FAKE_MIRROR_H */
