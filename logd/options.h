/* SPDX-License-Identifier: BSD-3-Clause */

/* The command line of the server. */

#ifndef NBDMIRROR_LOGD_OPTIONS_H
#define NBDMIRROR_LOGD_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "store-spec.h"

struct option_list {
  char **item;
  unsigned nr;
};

/* Paths that are used later are absolute: a daemon changes its directory. */
struct options {
  char *dir;               /* NULL: in etcd */
  struct store_spec store; /* text NULL: in a directory */
  const char *advertise;   /* NULL: as it listens */
  unsigned etcd_lease;     /* seconds */
  char *etcd_cacert, *etcd_cert, *etcd_key;
  const char *etcd_user;
  char *etcd_password; /* a file */
  struct option_list listen, sockets;
  char *tls_psk, *tls_certificates;
  bool tls_verify_peer;
  char *access;
  bool insecure;
  uint64_t lease_ns;
  unsigned max_clients;
  const char *status;
  char *pidfile;
  bool foreground;
};

#define OPTIONS_RUN (-1)

/* OPTIONS_RUN, or the exit status: all is said and done. */
int options_parse (struct options *o, int argc, char *argv[]);
void options_free (struct options *o);

#endif /* NBDMIRROR_LOGD_OPTIONS_H */
