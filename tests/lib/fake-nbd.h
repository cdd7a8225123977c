/* SPDX-License-Identifier: BSD-3-Clause */

/* An NBD server that speaks the protocol itself, and not always well: what
 * nbdkit never sends, a leg must survive all the same.
 *
 * Its export has 1 MiB that reads as 0x5a, with structured replies and block
 * status (all of it data), and keeps nothing of what is written.  It serves
 * one connection after the other and dies with the test.
 */

#ifndef NBDMIRROR_FAKE_NBD_H
#define NBDMIRROR_FAKE_NBD_H

#include "nbd-server.h"

#define FAKE_NBD_SIZE (1u << 20)
#define FAKE_NBD_BYTE 0x5a

/* Its fault: success is answered all the same, sooner or later. */
enum fake_nbd_fault {
  FAKE_NBD_GOOD,          /* it has none */
  FAKE_NBD_NO_DATA,       /* READ: without data */
  FAKE_NBD_HALF_DATA,     /* READ: with the first half of the data */
  FAKE_NBD_NO_EXTENTS,    /* BLOCK_STATUS: without extents */
  FAKE_NBD_TWICE_EXTENTS, /* BLOCK_STATUS: twice, for different halves */
  FAKE_NBD_THIN_LINE,     /* data: 64 KiB each 100 ms, both ways */
  FAKE_NBD_MULTI_CONN,    /* announces what it has not: several connections */
  FAKE_NBD_SLOW_FLUSH,    /* FLUSH: takes 1.5 s, and all others wait */
};

/* On a Unix socket.  End it with nbd_server_end. */
void fake_nbd_start (struct nbd_server *server, enum fake_nbd_fault fault);

#endif /* NBDMIRROR_FAKE_NBD_H */
