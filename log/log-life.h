/* SPDX-License-Identifier: BSD-3-Clause */

/* A log from being opened to being closed; dirty-log.h is what happens between.
 */

#ifndef NBDMIRROR_LOG_LIFE_H
#define NBDMIRROR_LOG_LIFE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "log-data.h"

struct dirty_log;

/* Flags of dirty_log_open. */
#define LOG_READ_ONLY 1u    /* take no lock, write nothing, create nothing */
#define LOG_MAY_BE_MOVED 2u /* one that was moved is new: info.moved */

/* For a log on a server: TLS is used if one of the first two is given (files
 * as in tls.h).
 */
struct log_options {
  unsigned flags;
  const char *tls_psk, *tls_certificates, *tls_username;
};

/* Open the log that a specification names: "core", "disk:PATH" (PATH
 * absolute), "userspace:SERVERS/NAME", or "userspace-core:SERVERS/NAME", a
 * log that the server keeps in its memory.  Takes ownership of the store
 * (disk: OFD lock or O_EXCL; server: a lease; an owner is named in the
 * message), reads all there is, writes nothing.  A log that does not exist
 * is not created yet.
 *
 * Returns the log, or NULL with the error reported: owned by a running
 * server, unreadable, not a log, unknown version, not ours to touch.
 *
 * Blocks on I/O; where the owner of a log on a server is silent, until its
 * lease is over.  Start-up only.
 */
struct dirty_log *dirty_log_open (const char *spec, unsigned flags);
struct dirty_log *dirty_log_open_with (const char *spec,
                                       const struct log_options *options);

/* What begins with these bytes means to be a disk log, ours or the kernel's,
 * whether or not it is a good one.
 */
#define LOG_HEAD_SIZE 1024
bool dirty_log_begins (const uint8_t head[LOG_HEAD_SIZE]);

/* Give a log of any kind found a new life: new uuid, the given geometry,
 * generation as given, no legs, nothing marked, nothing missed.  Memory
 * only; the store is written by the first flush (a new file is made
 * durable together with its directory entry before that returns).
 * For LOG_FOUND_KERNEL the caller copies what it wants of "marked" first.
 * 0, or -1 with the error reported (ENOMEM).  Start-up only.
 */
int dirty_log_create (struct dirty_log *log, const struct log_geometry *geo,
                      uint64_t generation);

/* The same with a uuid that is known: for the log server. */
int dirty_log_create_as (struct dirty_log *log, const struct log_geometry *geo,
                         uint64_t generation, const uint8_t uuid[16]);

/* Make a log of ours longer (geo->size only grows; same region size).  The legs
 * in "slots" miss the new regions, and the last old one if it was short; nothing
 * is marked.  Memory only until the next flush: lowering.  0, or -1 with the
 * error reported (ENOMEM, a device too small).
 */
int dirty_log_grow (struct dirty_log *log, uint64_t new_size, unsigned slots);

/* See that there is room for that, and unless it is only a question make it.  0,
 * or -1 with the reason in why.  A log on a server only knows when it grows.
 * Blocks: do not hold a lock.
 */
int dirty_log_reserve (struct dirty_log *log, uint64_t new_size, bool ask,
                       char *why, size_t size);

/* Before dirty_log_start: fn is called when another mirror asks for the log.
 * To consent is to close it.  A thread of the log calls it, without locks; it
 * must not block.
 */
void dirty_log_on_release (struct dirty_log *log, void (*fn) (void *opaque),
                           void *opaque);

/* After nbdkit forked: start the backend's thread and record this process
 * as the owner.  Before this call flush and commit work in the caller.
 * 0, or -1 with the error reported.  Blocks.
 */
int dirty_log_start (struct dirty_log *log);

/* Another log takes the place of this one, which is used (log-move.c).  "to" was
 * opened, is new, and belongs to the log from the moment that this returns 0: each
 * call with the old one is one with the new one.  -1 with the reason in why, and the
 * log goes on, with a new generation, which is lowering; "to" is the caller's to
 * close.
 *
 * Until it has ended, for a moment, flushes wait, as for a slow store.  Blocks.  One
 * at a time; no lock is held.
 */
struct log_move {
  const char *spec, *old_spec; /* as a start is to name them */
  uint64_t deadline;

  /* Make durable, where the legs know of it, that the log has this generation
   * now: the old one has a lower one.  Blocks; must not call the log but for
   * questions.
   */
  void (*prove) (void *opaque, uint64_t generation);
  void *opaque;
};

int dirty_log_move (struct dirty_log *log, struct dirty_log *to,
                    const struct log_move *how, char *why, size_t size);

/* Stop the thread.  If nothing is marked and the last commit succeeded, the
 * log is closed as "clean shutdown".  Gives up ownership and frees the log.
 * NULL is allowed.  Blocks; waits for the store at most until deadline.
 */
void dirty_log_close (struct dirty_log *log, uint64_t deadline);

/* Whether dirty_log_close must not say that it was a clean shutdown. */
void dirty_log_stay_unclean (struct dirty_log *log, bool unclean);

/* For a log that was not started, at least every few seconds: a log in a file
 * that was removed is written anew (disk-look.h).  One that was started does it
 * by itself.  Blocks: do not hold a lock.  One thread at a time, which is also
 * the one that flushes.
 */
void dirty_log_look (struct dirty_log *log);

#endif /* NBDMIRROR_LOG_LIFE_H */
