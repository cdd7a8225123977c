/* SPDX-License-Identifier: BSD-3-Clause */

/* Requests to etcd: which member, what its answer means, and the token of a
 * user.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "deadline.h"
#include "etcd-impl.h"
#include "etcd-json.h"

#define ASK_NS (10 * NSEC_PER_SEC)
#define PAUSE_NS (50 * NSEC_PER_MSEC)
#define MAX_DEPTH 16
#define MAX_UNDER_WAY 32u

/* Codes of gRPC. */
enum {
  CODE_INVALID = 3,
  CODE_NOT_FOUND = 5,
  CODE_DENIED = 7,
  CODE_EXHAUSTED = 8,
  CODE_PRECONDITION = 9,
  CODE_UNAUTHENTICATED = 16,
};

/* --- what an answer means --- */

static struct json_object *
parse (const struct buffer *text)
{
  struct json_tokener *tok = json_tokener_new_ex (MAX_DEPTH);
  struct json_object *obj = NULL;

  if (tok && text->len > 0 && text->len < INT32_MAX)
    obj = json_tokener_parse_ex (tok, (const char *) buffer_head (text),
                                 (int) text->len);
  json_tokener_free (tok);
  return obj;
}

/* As etcd has it, or its gateway. */
static const char *
error_text (struct json_object *answer)
{
  struct json_object *text = etcd_member (answer, "message");

  if (!text)
    text = etcd_member (answer, "error");
  return text ? json_object_get_string (text) : "";
}

/* 0: a member without a quorum, say, which may have one soon. */
static int
errno_of_answer (struct json_object *answer)
{
  switch (etcd_number (answer, "code")) {
  case CODE_INVALID:
  case CODE_PRECONDITION:
    return strstr (error_text (answer), "auth") ? EACCES : EINVAL;
  case CODE_NOT_FOUND:
    return ENOENT;
  case CODE_DENIED:
  case CODE_UNAUTHENTICATED:
    return EACCES;
  case CODE_EXHAUSTED:
    return strstr (error_text (answer), "space") ? ENOSPC : 0;
  default:
    return 0;
  }
}

/* The user's token is over, or etcd has forgotten it. */
static bool
wants_token (struct json_object *answer)
{
  const char *text = error_text (answer);

  return etcd_number (answer, "code") == CODE_UNAUTHENTICATED ||
         strstr (text, "user name is empty") || strstr (text, "auth token") ||
         strstr (text, "revision of auth");
}

static void
set_error (struct etcd_conn *c, const char *why)
{
  /* Half of it at most for either. */
  snprintf (c->error, sizeof c->error, "%.*s: %.*s", ETCD_ERROR_SIZE / 2 - 2,
            c->etcd->options.member[c->at], ETCD_ERROR_SIZE / 2 - 2, why);
  for (char *p = c->error; *p; ++p)
    if ((unsigned char) *p < ' ')
      *p = ' ';
}

/* --- what there is to see --- */

static unsigned
bucket_of (uint64_t us)
{
  unsigned i = 0;

  while (i < ETCD_NR_LATENCIES - 1 && us >> i)
    ++i;
  return i;
}

static void
count (struct etcd_conn *c, uint64_t began, bool failed)
{
  struct etcd *e = c->etcd;
  uint64_t us = (now_ns () - began) / 1000;
  CLEANUP_LOCK (&e->lock);

  e->status.requests++;
  e->status.failures += failed;
  if (failed) {
    memcpy (e->status.last_error, c->error, sizeof c->error);
    return;
  }
  e->status.latency[bucket_of (us)]++;
  e->status.latency_sum += us;
  snprintf (e->status.member, sizeof e->status.member, "%s",
            e->options.member[c->at]);
}

void
etcd_get_status (struct etcd *e, struct etcd_status *status)
{
  uint64_t until = atomic_load (&e->valid_until);

  {
    CLEANUP_LOCK (&e->lock);
    *status = e->status;
  }
  status->leased = atomic_load (&e->lease) != 0;
  status->lease_left = status->leased ? (int64_t) (until - now_boot_ns ()) : 0;
}

/* --- one request --- */

static enum etcd_outcome
failed (struct etcd_conn *c, uint64_t began, int err)
{
  count (c, began, true);
  c->at = err ? c->at : (c->at + 1) % c->etcd->options.nr_members;
  errno = err ? err : EIO;
  return err ? ETCD_REFUSED : ETCD_UNKNOWN;
}

/* What was sent, and what came back; *token: it was for want of one. */
static enum etcd_outcome
post_once (struct etcd_conn *c, const char *path, const char *body,
           const char *token, long timeout_ms, struct json_object **answer,
           bool *no_token)
{
  const struct etcd *e = c->etcd;
  struct buffer text = {.data = NULL};
  char why[ETCD_ERROR_SIZE] = "";
  uint64_t began = now_ns ();
  int status;

  *answer = NULL;
  status =
    e->transport->post (c->handle, e->options.member[c->at], path, token, body,
                        strlen (body), timeout_ms, &text, why);
  if (status != -1)
    *answer = parse (&text);
  if (status != -1 && !*answer)
    snprintf (why, sizeof why, "HTTP %d: %.*s", status, (int) text.len,
              text.len > 0 ? (const char *) buffer_head (&text) : "");
  buffer_free (&text);
  if (status == 200 && *answer) {
    count (c, began, false);
    return ETCD_DONE;
  }
  set_error (c, *answer ? error_text (*answer) : why);
  *no_token = *answer && wants_token (*answer);
  status = *answer ? errno_of_answer (*answer) : 0;
  json_object_put (*answer);
  *answer = NULL;
  return failed (c, began, status);
}

/* A copy, or NULL. */
static char *
get_token (struct etcd *e)
{
  CLEANUP_LOCK (&e->lock);

  return e->token ? strdup (e->token) : NULL;
}

/* Somebody else may have got a new one meanwhile. */
static void
drop_token (struct etcd *e, const char *token)
{
  CLEANUP_LOCK (&e->lock);

  if (!e->token || strcmp (e->token, token) != 0)
    return;
  free (e->token);
  e->token = NULL;
}

static enum etcd_outcome
ask_token (struct etcd_conn *c, long timeout_ms)
{
  struct etcd *e = c->etcd;
  struct json_object *request = json_object_new_object (), *answer, *token;
  enum etcd_outcome outcome;
  bool no_token = false;

  json_object_object_add (request, "name",
                          json_object_new_string (e->options.user));
  json_object_object_add (request, "password",
                          json_object_new_string (e->options.password));
  outcome =
    post_once (c, "auth/authenticate", json_object_to_json_string (request),
               NULL, timeout_ms, &answer, &no_token);
  json_object_put (request);
  token = etcd_member (answer, "token");
  if (token) {
    CLEANUP_LOCK (&e->lock);
    free (e->token);
    e->token = strdup (json_object_get_string (token));
  }
  json_object_put (answer);
  return outcome;
}

static enum etcd_outcome
post_as_user (struct etcd_conn *c, const char *path, const char *body,
              long timeout_ms, struct json_object **answer)
{
  enum etcd_outcome outcome = ETCD_REFUSED;
  bool again = true;

  *answer = NULL;
  for (unsigned i = 0; i < 2 && again; ++i) {
    CLEANUP_FREE char *token = get_token (c->etcd);

    if (!token) {
      outcome = ask_token (c, timeout_ms);
      if (outcome != ETCD_DONE)
        return outcome;
      continue;
    }
    again = false;
    outcome = post_once (c, path, body, token, timeout_ms, answer, &again);
    if (again)
      drop_token (c->etcd, token);
  }
  return outcome;
}

enum etcd_outcome
etcd_try_for (struct etcd_conn *c, const char *path,
              struct json_object *request, long timeout_ms,
              struct json_object **answer)
{
  const char *body =
    json_object_to_json_string_ext (request, JSON_C_TO_STRING_PLAIN |
                                               JSON_C_TO_STRING_NOSLASHESCAPE);
  bool no_token;

  if (c->etcd->options.user)
    return post_as_user (c, path, body, timeout_ms, answer);
  return post_once (c, path, body, NULL, timeout_ms, answer, &no_token);
}

/* When hundreds of mirrors come at once etcd gets their requests a few at a
 * time, so that each is answered within its time, and the lease's are soon.
 */
static void
wait_for_room (struct etcd *e)
{
  CLEANUP_LOCK (&e->lock);

  while (e->under_way >= MAX_UNDER_WAY)
    pthread_cond_wait (&e->room, &e->lock);
  e->under_way++;
}

static void
make_room (struct etcd *e)
{
  CLEANUP_LOCK (&e->lock);

  e->under_way--;
  pthread_cond_signal (&e->room);
}

enum etcd_outcome
etcd_try (struct etcd_conn *c, const char *path, struct json_object *request,
          struct json_object **answer)
{
  struct etcd *e = c->etcd;
  enum etcd_outcome outcome;
  int err;

  wait_for_room (e);
  outcome =
    etcd_try_for (c, path, request, (long) e->options.lease_s * 500, answer);
  err = errno;
  make_room (e);
  errno = err;
  return outcome;
}

bool
etcd_pause (struct etcd_conn *c, uint64_t start)
{
  const struct timespec pause = {.tv_nsec = PAUSE_NS};

  if (!atomic_load (&c->etcd->hurry) && now_ns () - start < ASK_NS) {
    nanosleep (&pause, NULL);
    return true;
  }
  errno = EIO;
  return false;
}

struct json_object *
etcd_ask (struct etcd_conn *c, const char *path, struct json_object *request)
{
  uint64_t start = now_ns ();
  struct json_object *answer;
  enum etcd_outcome outcome;

  do
    outcome = etcd_try (c, path, request, &answer);
  while (outcome == ETCD_UNKNOWN && etcd_pause (c, start));
  return answer;
}

const char *
etcd_error (const struct etcd_conn *c)
{
  return c->error;
}

/* --- connections --- */

struct etcd_conn *
etcd_conn_new (struct etcd *e)
{
  struct etcd_conn *c = calloc (1, sizeof *c);

  if (!c)
    return NULL;
  c->etcd = e;
  c->handle = e->transport->open (&e->options);
  if (c->handle)
    return c;
  free (c);
  errno = ENOMEM;
  return NULL;
}

void
etcd_conn_free (struct etcd_conn *c)
{
  int err = errno;

  if (!c)
    return;
  c->etcd->transport->close (c->handle);
  free (c);
  errno = err;
}

/* --- questions --- */

int64_t
etcd_lease (const struct etcd *e)
{
  return atomic_load (&e->lease);
}

bool
etcd_lease_is_valid (const struct etcd *e, int64_t lease, uint64_t now)
{
  return lease != 0 && now < atomic_load (&e->valid_until) &&
         lease == atomic_load (&e->lease);
}

const struct etcd_options *
etcd_options (const struct etcd *e)
{
  return &e->options;
}

struct etcd *
etcd_of (const struct etcd_conn *c)
{
  return c->etcd;
}
