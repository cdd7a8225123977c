/* SPDX-License-Identifier: BSD-3-Clause */

/* The client of a log server when names of hosts cannot be resolved: its
 * loop must go on.
 */

#include "config.h"

#undef NDEBUG
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "deadline.h"
#include "fake-dns.h"
#include "resolved.h"
#include "suite.h"
#include "unit-wait.h"

/* Far less than a resolver that hangs takes, and enough on a busy machine. */
#define SOON (5 * NSEC_PER_SEC)

#ifdef __SANITIZE_THREAD__
/* A child of a process with threads starts a thread here. */
const char *__tsan_default_options (void);

const char *
__tsan_default_options (void)
{
  return "die_after_fork=0";
}
#endif

static struct log_client *client;
static int listener;
static char listen_name[64];
static unsigned nr_disconnected;
static char last_reason[512];

/* --- callbacks --- */

static const char *
on_state (void *opaque, const struct proto_msg *msg)
{
  (void) opaque;
  (void) msg;
  return NULL;
}

static const char *
on_attached (void *opaque, const struct proto_attached *a, bool again)
{
  (void) opaque;
  (void) a;
  (void) again;
  return NULL;
}

static void
on_lease (void *opaque, uint64_t until)
{
  (void) opaque;
  (void) until;
}

static void
on_text (void *opaque, const char *text)
{
  (void) opaque;
  (void) text;
}

static bool
on_refused (void *opaque, enum proto_error error, const char *text)
{
  (void) opaque;
  (void) error;
  (void) text;
  return false;
}

static void
on_reply (void *opaque, const struct proto_msg *msg)
{
  (void) opaque;
  (void) msg;
}

static void
on_disconnected (void *opaque, const char *reason, bool was_attached)
{
  (void) opaque;
  (void) was_attached;
  nr_disconnected++;
  snprintf (last_reason, sizeof last_reason, "%s", reason);
}

static void
on_woken (void *opaque)
{
  (void) opaque;
  log_client_stop (client);
}

static const struct log_client_callbacks callbacks = {
  .state = on_state,
  .attached = on_attached,
  .lease = on_lease,
  .waiting = on_text,
  .refused = on_refused,
  .reply = on_reply,
  .release = on_text,
  .disconnected = on_disconnected,
  .lost = on_text,
  .woken = on_woken,
};

/* --- fixture --- */

/* A server that accepts, and says nothing. */
static void
listen_somewhere (void)
{
  struct resolved r = {.len = sizeof r.addr};
  struct address a;
  const char *why;

  ck_assert_int_eq (address_parse (&a, "127.0.0.1", 9, "1", &why), 0);
  ck_assert_int_eq (address_resolve (&a, true, &r, 1, &why), 1);
  memset ((char *) &r.addr + 2, 0, 2); /* any port */
  listener = resolved_listen (&r);
  ck_assert_int_ge (listener, 0);
  r.len = sizeof r.addr;
  ck_assert_int_eq (getsockname (listener, (struct sockaddr *) &r.addr,
                                 &r.len),
                    0);
  resolved_print (&r, listen_name, sizeof listen_name);
}

static void
set_up (void)
{
  nr_disconnected = 0;
  last_reason[0] = '\0';
  listen_somewhere ();
  fake_dns_hang ();
}

static void
tear_down (void)
{
  log_client_free (client);
  client = NULL;
  close (listener);
  /* What was left behind ends now, and needs nothing that is gone. */
  fake_dns_release (false);
  WAIT_FOR (fake_dns_answered () == fake_dns_asked ());
}

/* A client of these servers, that has begun to connect. */
static void
start (const char *first, const char *second)
{
  struct address servers[2];
  struct log_client_options options = {
    .servers = servers,
    .nr_servers = second ? 2 : 1,
    .log = "name",
    .host = "test",
  };
  const char *why;

  ck_assert_int_eq (address_parse (&servers[0], first, strlen (first), "1",
                                   &why),
                    0);
  if (second)
    ck_assert_int_eq (address_parse (&servers[1], second, strlen (second), "1",
                                     &why),
                      0);
  client = log_client_new (&options, &callbacks, NULL);
  ck_assert_ptr_nonnull (client);
  log_client_start (client);
}

static bool
never (void *arg)
{
  (void) arg;
  return false;
}

static bool
has_asked (void *arg)
{
  (void) arg;
  return fake_dns_asked () > 0;
}

static bool
says_hello (void *arg)
{
  (void) arg;
  return log_client_state (client) == CLIENT_HELLO;
}

static bool
is_disconnected (void *arg)
{
  (void) arg;
  return nr_disconnected > 0;
}

/* --- tests --- */

TEST (test_deadline_while_dns_hangs)
{
  uint64_t begin = now_ns ();

  start ("nowhere.test", NULL);
  log_client_run_until (client, never, NULL, begin + NSEC_PER_SEC / 2);
  ck_assert_uint_eq (fake_dns_asked (), 1);
  ck_assert_uint_lt (now_ns () - begin, SOON);
  ck_assert_int_eq (log_client_state (client), CLIENT_CONNECTING);
}

static void *
loop_thread (void *arg)
{
  log_client_run_thread (client);
  return arg;
}

TEST (test_stop_while_dns_hangs)
{
  pthread_t thread;
  uint64_t begin;

  start ("nowhere.test", NULL);
  thread = thread_run (loop_thread, NULL);
  WAIT_FOR (fake_dns_asked () > 0);
  begin = now_ns ();
  log_client_wake (client);
  pthread_join (thread, NULL);
  ck_assert_uint_lt (now_ns () - begin, SOON);
  ck_assert_int_eq (log_client_state (client), CLIENT_OVER);
}

TEST (test_next_server_when_dns_hangs)
{
  start ("nowhere.test", listen_name);
  log_client_run_until (client, says_hello, NULL, now_ns () + PATIENCE_NS);
  ck_assert_int_eq (log_client_state (client), CLIENT_HELLO);
  ck_assert_str_eq (log_client_server (client), listen_name);
  ck_assert_uint_eq (fake_dns_asked (), 1);
  ck_assert_uint_eq (fake_dns_answered (), 0);
}

/* However often it is tried, one thread hangs for each name. */
TEST (test_one_question_for_each_name)
{
  start ("nowhere.test", NULL);
  for (unsigned i = 1; i <= 2; ++i) {
    nr_disconnected = 0;
    log_client_run_until (client, is_disconnected, NULL,
                          now_ns () + PATIENCE_NS);
    ck_assert_uint_eq (nr_disconnected, 1);
    ck_assert_str_eq (last_reason, "nowhere.test:1: its address could not be "
                                   "looked up in time");
  }
  ck_assert_uint_eq (fake_dns_asked (), 1);
}

TEST (test_late_answer_is_used)
{
  char server[64];

  snprintf (server, sizeof server, "late.test%s", strchr (listen_name, ':'));
  start (server, NULL);
  log_client_run_until (client, is_disconnected, NULL,
                        now_ns () + PATIENCE_NS);
  ck_assert_uint_eq (nr_disconnected, 1);
  fake_dns_release (true);
  log_client_run_until (client, says_hello, NULL, now_ns () + PATIENCE_NS);
  ck_assert_int_eq (log_client_state (client), CLIENT_HELLO);
}

TEST (test_unknown_name)
{
  fake_dns_release (false);
  start ("nowhere.test", NULL);
  log_client_run_until (client, is_disconnected, NULL,
                        now_ns () + PATIENCE_NS);
  ck_assert_str_eq (last_reason, "nowhere.test:1: Name or service not known");
}

TEST (test_figures_need_no_dns)
{
  start (listen_name, NULL);
  log_client_run_until (client, says_hello, NULL, now_ns () + PATIENCE_NS);
  ck_assert_int_eq (log_client_state (client), CLIENT_HELLO);
  ck_assert_uint_eq (fake_dns_asked (), 0);
}

/* In the child there is no thread that would answer the parent's question. */
static void
be_the_child (void)
{
  uint64_t begin = now_ns ();

  log_client_after_fork (client);
  log_client_run_until (client, never, NULL, begin + NSEC_PER_SEC / 2);
  if (log_client_state (client) != CLIENT_CONNECTING ||
      fake_dns_asked () != 2 || now_ns () - begin > SOON)
    _exit (1);
  log_client_free (client);
  _exit (0);
}

TEST (test_fork_while_dns_hangs)
{
  int status;
  pid_t pid;

  start ("nowhere.test", NULL);
  log_client_run_until (client, has_asked, NULL, now_ns () + PATIENCE_NS);
  WAIT_FOR (fake_dns_asked () == 1);
  pid = fork ();
  ck_assert_int_ge (pid, 0);
  if (pid == 0)
    be_the_child ();
  ck_assert_int_eq (waitpid (pid, &status, 0), pid);
  ck_assert_int_eq (status, 0);
}

static struct suite_group tests = {
  .setup = set_up,
  .teardown = tear_down,
  .timeout = 60,
};

int
main (void)
{
  return suite_main ("client");
}
