/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include <libnbd.h>

#include "deadline.h"
#include "dump-leg-find.h"
#include "dump-leg-nbd.h"
#include "msg.h"
#include "nbdmirror.h"

static const char *const schemes[] = {
  "nbd://",       "nbds://",      "nbd+unix://",
  "nbds+unix://", "nbd+vsock://", "nbds+vsock://",
};

bool
leg_is_export (const char *name)
{
  for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; ++i)
    if (strncasecmp (name, schemes[i], strlen (schemes[i])) == 0)
      return true;
  return false;
}

/* --- the connection --- */

struct reader {
  struct nbd_handle *nbd;
  const char *uri;
  double timeout_s;
  uint64_t deadline;
};

/* libnbd's last error, without the name of the function. */
static const char *
reason (void)
{
  const char *text = nbd_get_error ();
  const char *rest;

  if (!text)
    return "connection closed";
  rest = strncmp (text, "nbd_", 4) == 0 ? strstr (text, ": ") : NULL;
  return rest ? rest + 2 : text;
}

static int
failed (const struct reader *r, const char *what)
{
  msg_error ("%s: %s: %s", r->uri, what, reason ());
  return EXIT_NO_ANSWER;
}

/* -1: libnbd's error, 1: the time is up. */
static int
step (const struct reader *r)
{
  uint64_t now = now_ns (), left;

  if (now >= r->deadline)
    return 1;
  left = (r->deadline - now) / NSEC_PER_MSEC + 1;
  return nbd_poll (r->nbd, left > 1000 ? 1000 : (int) left) == -1 ? -1 : 0;
}

static int
too_late (const struct reader *r, const char *what)
{
  msg_error ("%s: %s within %g seconds", r->uri, what, r->timeout_s);
  return EXIT_NO_ANSWER;
}

static int
connect_to (const struct reader *r)
{
  if (nbd_set_uri_allow_local_file (r->nbd, true) == -1 ||
      nbd_aio_connect_uri (r->nbd, r->uri) == -1)
    return failed (r, "connect");
  while (!nbd_aio_is_ready (r->nbd)) {
    int s =
      nbd_aio_is_dead (r->nbd) || nbd_aio_is_closed (r->nbd) ? -1 : step (r);

    if (s != 0)
      return s == -1 ? failed (r, "connect") : too_late (r, "no connection");
  }
  return 0;
}

static int
read_area (const struct reader *r, uint8_t *buf, uint64_t offset)
{
  int64_t cookie =
    nbd_aio_pread (r->nbd, buf, RECORD_AREA, offset, NBD_NULL_COMPLETION, 0);
  int done = cookie == -1 ? -1 : 0;

  while (done == 0) {
    int s = step (r);

    if (s == 1)
      return too_late (r, "no answer");
    done = nbd_aio_command_completed (r->nbd, (uint64_t) cookie);
    if (done == 0 && s == -1)
      return failed (r, "read");
  }
  if (done == 1)
    return 0;
  msg_error ("%s: read at offset %" PRIu64 ": %s", r->uri, offset, reason ());
  return EXIT_FAILED;
}

/* Say goodbye: a server may complain of those who do not. */
static void
disconnect (const struct reader *r)
{
  if (!nbd_aio_is_ready (r->nbd) || nbd_aio_disconnect (r->nbd, 0) == -1)
    return;
  while (!nbd_aio_is_closed (r->nbd) && !nbd_aio_is_dead (r->nbd) &&
         step (r) == 0)
    ;
}

/* --- the record --- */

static int
find_trailer (const struct reader *r, struct leg_find *f)
{
  int64_t size = nbd_get_size (r->nbd);
  int64_t block = nbd_get_block_size (r->nbd, LIBNBD_SIZE_MINIMUM);
  int code;

  if (size == -1 || block == -1)
    return failed (r, "size");
  f->looked_at = true;
  f->trailer =
    record_trailer_offset ((uint64_t) size, block <= 0 || block > UINT32_MAX
                                              ? 1
                                              : (uint32_t) block);
  if (f->trailer == 0)
    return 0;
  code = read_area (r, f->area, f->trailer);
  if (code == 0 && leg_find_is_record (f->area))
    f->where = RECORD_TRAILER;
  return code;
}

int
leg_find_export (struct leg_find *f, const char *uri, double timeout_s)
{
  struct reader r = {
    .nbd = nbd_create (),
    .uri = uri,
    .timeout_s = timeout_s,
    .deadline = now_ns () + (uint64_t) (timeout_s * NSEC_PER_SEC),
  };
  int code;

  if (leg_find_init (f, uri) == -1)
    code = EXIT_FAILED;
  else if (!r.nbd)
    code = failed (&r, "connect");
  else
    code = connect_to (&r);
  if (code == 0) {
    code = find_trailer (&r, f);
    disconnect (&r);
  }
  nbd_close (r.nbd);
  return code;
}
