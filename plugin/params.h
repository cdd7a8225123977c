/* SPDX-License-Identifier: BSD-3-Clause */

/* The plugin's parameters, which nbdkit-mirror-plugin(1) describes. */

#ifndef NBDMIRROR_PARAMS_H
#define NBDMIRROR_PARAMS_H

#include "mirror.h"

/* One key=value.  -1 with the error reported. */
int params_set (struct mirror_config *config, const char *key,
                const char *value);

/* All parameters are here: check them against each other, find the default
 * log.  Opens nothing.  -1 with the error reported.
 */
int params_complete (struct mirror_config *config);

void params_free (struct mirror_config *config);

#define PARAMS_HELP \
  "[leg=]<PATH|NBD-URI|missing>  (required) A leg, 1 to 8 times.\n" \
  "log=core|disk:<PATH>|userspace[-core]:<HOST>[:<PORT>][,...]/<NAME>\n" \
  "                              The dirty log (default: disk:LEG.mirrorlog\n" \
  "                              beside a regular-file leg).\n" \
  "log-tls-psk=<FILE>            Keys for a log on a server,\n" \
  "log-tls-certificates=<DIR>    or certificates.\n" \
  "log-tls-username=<NAME>       Whose key of the file.\n" \
  "region-size=<SIZE>            Power of 2, 64K to 64M (default: 512K or\n" \
  "                              more).\n" \
  "sync=default|force|none       Resync everything, or trust that the legs\n" \
  "                              are equal (new log only).\n" \
  "source=<N>@<G>                Leg N is right: when a refused start says " \
  "so.\n" \
  "size=<SIZE>                   Size of the mirror (default: smallest " \
  "leg).\n" \
  "minimum-block=<SIZE>          Promise clients at least this block size.\n" \
  "connections=<N>               Connections per NBD leg (default: 4).\n" \
  "read-policy=auto|first|round-robin\n" \
  "                              Which in-sync leg serves a read.\n" \
  "write-mostly=<N>              Leg N serves reads only if no other can.\n" \
  "resync-rate=<SIZE>            Ceiling of resync, bytes/s (default: " \
  "none).\n" \
  "resync-min=<SIZE>             Floor under client load (default: 10M).\n" \
  "leg-timeout=<SECONDS>         NBD leg: silent so long, failed (default:\n" \
  "                              10).\n" \
  "flush-timeout=<SECONDS>       The same while it flushes (default: 60).\n" \
  "leg-fail-after=<SECONDS>      NBD leg: no request takes longer (default:\n" \
  "                              0, no limit).\n" \
  "local-timeout=<SECONDS>       File or device: hangs so long, failed (default:\n" \
  "                              0, no limit).\n" \
  "log-timeout=<SECONDS>         Wait for the log, then EIO (default: 15).\n" \
  "quarantine=<SECONDS>          Wait for late writes of an NBD leg's server\n" \
  "                              before copying to it (default: 5).\n" \
  "hold-timeout=<SECONDS>        Wait for the last in-sync leg, then EIO " \
  "(default: 30).\n" \
  "leg-records=auto|on|off       A record on every leg (default: where there " \
  "is\n" \
  "                              room for one).\n" \
  "checksums=on|off|<FILE>       Checksums of what clients write, beside the\n" \
  "                              log or in a file (default: off).\n" \
  "verify-reads=<BOOL>           Compare what is read with them.\n" \
  "heartbeat=<SECONDS>           How often it says who uses the leg " \
  "(default: 5).\n" \
  "drain=<SECONDS>              Clients may stay at SIGTERM (default: 0).\n" \
  "plan=<BOOL>                   Print what start-up would do, and exit.\n" \
  "control=<PATH>                Unix socket for nbdmirror."

#endif /* NBDMIRROR_PARAMS_H */
