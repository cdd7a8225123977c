/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>

#include "mirror-impl.h"
#include "msg.h"
#include "report.h"

int
client_error (int err)
{
  switch (err) {
  case EPERM:
  case ENOMEM:
  case EINVAL:
  case ENOSPC:
  case ESHUTDOWN:
    return err;
  case EDQUOT:
  case EFBIG:
    return ENOSPC;
  case EROFS:
    return EPERM;
  default:
    return EIO;
  }
}

void
members_report_failed (struct mirror *m, unsigned slots)
{
  char why[LEG_ERROR_SIZE];

  FOR_EACH_SLOT (slot, slots) {
    leg_last_error (m->member[slot].leg, why, sizeof why);
    msg_error ("leg %s: failed, the mirror goes on without it: %s",
               m->member[slot].name, why);
  }
}

void
members_report_last_lost (struct mirror *m, unsigned slot)
{
  char why[LEG_ERROR_SIZE];

  leg_last_error (m->member[slot].leg, why, sizeof why);
  msg_error ("leg %s: lost, and no other leg is in-sync: %s",
             m->member[slot].name, why);
}
