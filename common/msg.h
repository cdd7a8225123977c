/* SPDX-License-Identifier: BSD-3-Clause */

/* The message sink.  Everything below the plugin reports through these
 * functions; each program links its own implementation (the plugin
 * forwards to nbdkit, tools and tests write to stderr).
 *
 * Form: "subject: operation: detail: %m", lower case, no full stop, and
 * it names what the user typed.  An error is reported once, where its
 * cause is known.
 *
 * All preserve errno and are thread-safe.  Do not call them with a lock
 * held: they may block on the terminal or on syslog.
 */

#ifndef NBDMIRROR_MSG_H
#define NBDMIRROR_MSG_H

/* Something is refused, or broken and waits for the admin. */
void msg_error (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

/* All goes on, or is tried again, but somebody should look.  In a sink that
 * has only msg_error it becomes one with "warning: " before it.
 */
void msg_warning (const char *fmt, ...)
  __attribute__ ((format (printf, 1, 2)));

/* A change of state that is as it should be.  In a sink that has only
 * msg_error: "note: ".
 */
void msg_note (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

/* Detail that is only shown on request (nbdkit -v). */
void msg_debug (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));

#endif /* NBDMIRROR_MSG_H */
