/* SPDX-License-Identifier: BSD-3-Clause */

/* Our lease.  It is asked for anew each third of its length, and more often
 * when there is no answer, of one member after another.
 *
 * By our clock it counts from when we asked, and ends a tenth earlier, for
 * clocks run differently.  That it is over by our clock does not end it: it
 * may be renewed, if etcd still has it.  It is lost when etcd says so; then
 * all our seats are, and there is a new one.
 */

#include "config.h"

#include <errno.h>

#include <json-c/json.h>

#include "cleanup.h"
#include "deadline.h"
#include "etcd-impl.h"
#include "etcd-json.h"
#include "msg.h"
#include "thread.h"

#define AGAIN_NS (50 * NSEC_PER_MSEC)
#define MAX_LEASE_S 86400
#define REVOKE_MS 1000

/* What is said of it. */
struct lease_words {
  bool told; /* that there is none */
};

static struct json_object *
request_of (const char *name, int64_t number)
{
  struct json_object *request = json_object_new_object ();

  json_object_object_add (request, name, json_object_new_int64 (number));
  return request;
}

/* A try must leave time for another one. */
static long
try_ms (const struct etcd *e)
{
  return (long) e->options.lease_s * 1000 / 5;
}

/* asked: before the request was sent. */
static void
lease_begin (struct etcd *e, int64_t lease, int64_t seconds, uint64_t asked)
{
  uint64_t length = (uint64_t) seconds * NSEC_PER_SEC;

  atomic_store (&e->valid_until, asked + length - length / 10);
  atomic_store (&e->lease, lease);
}

static void
lease_end (struct etcd *e)
{
  atomic_store (&e->lease, 0);
  atomic_store (&e->valid_until, 0);
  msg_warning ("etcd: the lease is over: the logs of this server are free for "
               "others");
}

static bool
is_length (int64_t seconds)
{
  return seconds > 0 && seconds <= MAX_LEASE_S;
}

/* True: there is one. */
static bool
grant (struct etcd *e, struct etcd_conn *c)
{
  struct json_object *request = request_of ("TTL", e->options.lease_s);
  uint64_t asked = now_boot_ns ();
  struct json_object *answer;
  int64_t lease, seconds;

  (void) etcd_try_for (c, "lease/grant", request, try_ms (e), &answer);
  json_object_put (request);
  lease = etcd_number (answer, "ID");
  seconds = etcd_number (answer, "TTL");
  json_object_put (answer);
  if (lease == 0 || !is_length (seconds))
    return false;
  lease_begin (e, lease, seconds, asked);
  return true;
}

/* True: it is renewed, or lost, which is known. */
static bool
keep (struct etcd *e, struct etcd_conn *c)
{
  int64_t lease = atomic_load (&e->lease), seconds;
  struct json_object *request = request_of ("ID", lease), *answer;
  uint64_t asked = now_boot_ns ();
  enum etcd_outcome outcome =
    etcd_try_for (c, "lease/keepalive", request, try_ms (e), &answer);
  bool gone = outcome == ETCD_REFUSED && errno == ENOENT;

  json_object_put (request);
  seconds = etcd_number (etcd_member (answer, "result"), "TTL");
  json_object_put (answer);
  if (outcome == ETCD_DONE && is_length (seconds))
    lease_begin (e, lease, seconds, asked);
  else if (outcome == ETCD_DONE || gone)
    lease_end (e);
  else
    return false;
  return true;
}

static void
report (struct etcd *e, struct etcd_conn *c, bool ok, struct lease_words *w)
{
  bool valid =
    etcd_lease_is_valid (e, atomic_load (&e->lease), now_boot_ns ());

  if (!ok && !valid && !w->told) {
    msg_error ("etcd: no lease: %s: logs are not served", etcd_error (c));
    w->told = true;
  }
  else if (valid && w->told) {
    msg_note ("etcd: there is a lease again");
    w->told = false;
  }
}

/* Called with the lock held. */
static void
wait_until (struct etcd *e, uint64_t time)
{
  while (!e->stop && cond_wait_until (&e->cond, &e->lock, time) == 0)
    ;
}

/* The next one, and how long until then. */
static uint64_t
step (struct etcd *e, struct etcd_conn *c, struct lease_words *w)
{
  bool ok = atomic_load (&e->lease) ? keep (e, c) : grant (e, c);

  report (e, c, ok, w);
  if (!ok || atomic_load (&e->lease) == 0)
    return AGAIN_NS;
  return e->options.lease_s * NSEC_PER_SEC / 3;
}

/* So that others need not wait for its end. */
static void
give_back (struct etcd *e, struct etcd_conn *c)
{
  int64_t lease = atomic_load (&e->lease);
  struct json_object *request, *answer;

  if (lease == 0)
    return;
  atomic_store (&e->valid_until, 0);
  request = request_of ("ID", lease);
  (void) etcd_try_for (c, "lease/revoke", request, REVOKE_MS, &answer);
  json_object_put (request);
  json_object_put (answer);
}

static void *
lease_thread (void *arg)
{
  struct etcd *e = arg;
  struct etcd_conn *c = etcd_conn_new (e);
  struct lease_words words = {.told = false};
  uint64_t began;

  if (!c) {
    msg_error ("etcd: %m");
    return NULL;
  }
  pthread_mutex_lock (&e->lock);
  while (!e->stop) {
    pthread_mutex_unlock (&e->lock);
    began = now_ns ();
    began += step (e, c, &words);
    pthread_mutex_lock (&e->lock);
    wait_until (e, began);
  }
  pthread_mutex_unlock (&e->lock);
  give_back (e, c);
  etcd_conn_free (c);
  return NULL;
}

int
etcd_lease_start (struct etcd *e)
{
  if (thread_start (&e->thread, "etcd-lease", lease_thread, e) == -1)
    return -1;
  e->threaded = true;
  return 0;
}

void
etcd_lease_stop (struct etcd *e)
{
  {
    CLEANUP_LOCK (&e->lock);
    e->stop = true;
    pthread_cond_signal (&e->cond);
  }
  pthread_join (e->thread, NULL);
}
