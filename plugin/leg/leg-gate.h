/* SPDX-License-Identifier: BSD-3-Clause */

/* Where FLUSH, and FUA without a FUA of the leg's own, wait for a flush. */

#ifndef NBDMIRROR_LEG_GATE_H
#define NBDMIRROR_LEG_GATE_H

#include "leg.h"

/* Finish io when a flush that has not begun yet is done. */
void leg_gate_enter (struct leg_io *io);

/* After leg_refuse: fail who waits for a flush not yet begun. */
void leg_gate_fail_waiters (struct leg *leg);

#endif /* NBDMIRROR_LEG_GATE_H */
