/* SPDX-License-Identifier: BSD-3-Clause */

/* What is behind struct tls.  Internal to net/. */

#ifndef NBDMIRROR_TLS_IMPL_H
#define NBDMIRROR_TLS_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include <gnutls/gnutls.h>

#include "tls.h"

#define TLS_MAX_FILES 4

/* A file, as it was when it was read. */
struct tls_file {
  char *path;
  int error; /* of looking at it, or 0 */
  dev_t device;
  ino_t inode;
  off_t size;
  struct timespec modified;
};

/* Read-only once tls_new returned, but for what is said to be its user's. */
struct tls {
  atomic_uint holders;
  struct tls_options options; /* the strings are ours */
  bool server;
  bool verify; /* the peer's certificate */
  gnutls_priority_t priority;

  /* One of them. */
  gnutls_psk_server_credentials_t psk_server;
  gnutls_psk_client_credentials_t psk_client;
  gnutls_certificate_credentials_t certificates;

  char *keys; /* for psk_server: lines USER:HEXKEY */

  /* Of tls_reload_changed and tls_tick. */
  struct tls_file file[TLS_MAX_FILES];
  unsigned nr_files;
  uint64_t tell_due; /* CLOCK_BOOTTIME, ns */
};

/* --- tls-psk.c: files with keys --- */

/* The sound lines of a file that has no others; to be freed with psk_forget.
 * NULL with the error reported.
 */
char *psk_load (const char *file);
void psk_forget (char *keys);

/* The user's key, as hexadecimal digits, to be freed by the caller.  NULL with
 * the error reported.
 */
char *psk_find (const char *file, const char *username);

/* For GnuTLS, with a struct tls as the session's pointer: the user's key.  One
 * who is not known gets a key that nobody has.
 */
int psk_give (gnutls_session_t session, const char *username,
              gnutls_datum_t *key);

/* --- tls-files.c: have they changed? --- */

/* Note how the files are.  0, or -1 with the error reported. */
int tls_files_note (struct tls *tls);

/* Are they other files now?  That is noted. */
bool tls_files_changed (struct tls *tls);
void tls_files_free (struct tls *tls);

/* --- tls-expiry.c: certificates that end soon --- */

/* Say so of our own one; and of the peer's, once a day. */
void tls_tell_own_end (const struct tls *tls);
void tls_tell_peer_end (const gnutls_datum_t *certs, unsigned nr,
                        const char *peer, const char *identity);

#endif /* NBDMIRROR_TLS_IMPL_H */
