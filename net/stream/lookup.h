/* SPDX-License-Identifier: BSD-3-Clause */

/* The addresses of a host, asked for in an event loop, which goes on.
 *
 * DNS has timeouts of its own, and no way to end a question: it is asked in
 * a thread, which is left behind when nobody wants the answer any more.  So
 * the code of these functions must stay in memory until the process ends
 * (a plugin is linked with -z nodelete).
 *
 * Thread-safety: all functions, and done, run in the thread of the loop.
 * Nothing blocks, and done is not called from within a function.
 */

#ifndef NBDMIRROR_LOOKUP_H
#define NBDMIRROR_LOOKUP_H

#include <ev.h>

#include "resolved.h"

#define LOOKUP_MAX 8

struct lookup;

/* nr addresses were found, or nr is -1 and this is why (a static text).  May
 * start and free lookups, this one, too.
 */
typedef void lookup_fn (void *opaque, const struct resolved *found, int nr,
                        const char *why);

/* The address is copied.  NULL with errno. */
struct lookup *lookup_new (struct ev_loop *loop, const struct address *address,
                           lookup_fn *done, void *opaque);

/* Ask, and call done after these seconds at the latest.  If it has been
 * asked before, and that question has no answer yet, or one that nobody
 * took, it is not asked again: so at most one thread hangs for a lookup.
 */
void lookup_start (struct lookup *l, double seconds);

/* Do not call done any more. */
void lookup_stop (struct lookup *l);

/* NULL is allowed. */
void lookup_free (struct lookup *l);

#endif /* NBDMIRROR_LOOKUP_H */
