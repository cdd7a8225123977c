/* SPDX-License-Identifier: BSD-3-Clause */

/* The record of a leg that comes back, or whose file was removed. */

#ifndef NBDMIRROR_RECORDS_RETURN_H
#define NBDMIRROR_RECORDS_RETURN_H

#include <stdbool.h>

struct member;

/* A leg that is out has been opened anew: whether its record, if it has one,
 * lets it come back: it is of this mirror and this leg, and knows nothing that
 * happened elsewhere.  False with the reason reported.  Blocks.
 */
bool records_let_in (struct member *member);

/* A leg that is in use, and was away, is connected again.  Its record is the last
 * one that this mirror wrote to it, or that it was writing; or it has none.
 * False with the reason reported.  Blocks.  And whether it has one.
 */
bool records_same (struct member *member);
bool records_has (struct member *member);

/* It will be in the writing set, and has a record from then on, if it can: the
 * next cycle writes it (records_renew).  Blocks.
 */
void records_give (struct member *member);

/* The leg is in use: if the file of its record was removed it is made anew.
 * Blocks.
 */
void records_keep (struct member *member);

#endif /* NBDMIRROR_RECORDS_RETURN_H */
