/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "options.h"

#define EXIT_USAGE 64
#define MIN_LEASE 1.
#define MAX_LEASE 3600.
#define MAX_CLIENTS 1000000

static const char help[] =
  "nbdmirror-logd --dir DIR [OPTION...]: serve dirty logs to mirrors.\n"
  "\n"
  "  --dir DIR               where the logs are kept\n"
  "  --listen HOST[:PORT]    listen on TCP; may be repeated\n"
  "                          (default: 127.0.0.1 and ::1, port 10810)\n"
  "  --socket PATH           listen on a Unix socket; may be repeated\n"
  "  --tls-psk FILE          clients have a key of this file\n"
  "  --tls-certificates DIR  show the certificate in this directory\n"
  "  --tls-verify-peer       ... and ask clients for theirs\n"
  "  --access FILE           which client may open which logs\n"
  "  --insecure              without TLS, too, listen for other machines\n"
  "  --lease SECONDS         how long a silent owner keeps its log\n"
  "                          (default: 10)\n"
  "  --max-clients N         at most so many connections (default: 1024)\n"
  "  --status HOST:PORT|PATH serve the status by HTTP to this machine\n"
  "  --pidfile FILE          write the process id\n"
  "  --foreground            do not become a daemon\n"
  "  --help, --version\n"
  "\n"
  "Exit: 0 ended by a signal, 1 could not start, 64 wrong usage.\n";

enum {
  OPT_DIR = 1,
  OPT_LISTEN,
  OPT_SOCKET,
  OPT_TLS_PSK,
  OPT_TLS_CERTIFICATES,
  OPT_TLS_VERIFY_PEER,
  OPT_ACCESS,
  OPT_INSECURE,
  OPT_LEASE,
  OPT_MAX_CLIENTS,
  OPT_STATUS,
  OPT_PIDFILE,
  OPT_FOREGROUND,
  OPT_HELP,
  OPT_VERSION,
};

static const struct option long_options[] = {
  {"dir", required_argument, NULL, OPT_DIR},
  {"listen", required_argument, NULL, OPT_LISTEN},
  {"socket", required_argument, NULL, OPT_SOCKET},
  {"tls-psk", required_argument, NULL, OPT_TLS_PSK},
  {"tls-certificates", required_argument, NULL, OPT_TLS_CERTIFICATES},
  {"tls-verify-peer", no_argument, NULL, OPT_TLS_VERIFY_PEER},
  {"access", required_argument, NULL, OPT_ACCESS},
  {"insecure", no_argument, NULL, OPT_INSECURE},
  {"lease", required_argument, NULL, OPT_LEASE},
  {"max-clients", required_argument, NULL, OPT_MAX_CLIENTS},
  {"status", required_argument, NULL, OPT_STATUS},
  {"pidfile", required_argument, NULL, OPT_PIDFILE},
  {"foreground", no_argument, NULL, OPT_FOREGROUND},
  {"help", no_argument, NULL, OPT_HELP},
  {"version", no_argument, NULL, OPT_VERSION},
  {NULL, 0, NULL, 0},
};

static int
usage (void)
{
  fprintf (stderr, "Try `nbdmirror-logd --help'.\n");
  return EXIT_USAGE;
}

static int
no_memory (void)
{
  msg_error ("options: %m");
  return 1;
}

/* Becomes the list's own. */
static int
add (struct option_list *list, char *item)
{
  char **bigger = realloc (list->item, (list->nr + 1) * sizeof list->item[0]);

  if (!bigger || !item) {
    free (item);
    list->item = bigger ? bigger : list->item;
    return no_memory ();
  }
  list->item = bigger;
  list->item[list->nr++] = item;
  return OPTIONS_RUN;
}

static char *
absolute (const char *path)
{
  CLEANUP_FREE char *cwd = path[0] == '/' ? strdup ("") : getcwd (NULL, 0);
  char *joined;

  if (!cwd)
    return NULL;
  if (asprintf (&joined, "%s%s%s", cwd, cwd[0] ? "/" : "", path) == -1)
    return NULL;
  return joined;
}

static int
parse_path (char **to, const char *path)
{
  free (*to);
  *to = absolute (path);
  return *to ? OPTIONS_RUN : no_memory ();
}

static int
parse_lease (struct options *o, const char *text)
{
  char *end;
  double seconds = strtod (text, &end);

  if (end == text || *end || !isfinite (seconds) || seconds < MIN_LEASE ||
      seconds > MAX_LEASE) {
    msg_error ("--lease=%s: must be %g to %g seconds", text, MIN_LEASE,
               MAX_LEASE);
    return usage ();
  }
  o->lease_ns = (uint64_t) (seconds * 1000) * NSEC_PER_MSEC;
  return OPTIONS_RUN;
}

static int
parse_max_clients (struct options *o, const char *text)
{
  char *end;
  long nr = strtol (text, &end, 10);

  if (end == text || *end || nr < 1 || nr > MAX_CLIENTS) {
    msg_error ("--max-clients=%s: must be 1 to %d", text, MAX_CLIENTS);
    return usage ();
  }
  o->max_clients = (unsigned) nr;
  return OPTIONS_RUN;
}

static int
parse_dir (struct options *o, const char *text)
{
  free (o->dir);
  o->dir = realpath (text, NULL);
  if (o->dir)
    return OPTIONS_RUN;
  msg_error ("--dir=%s: %m", text);
  return 1;
}

static int
say (const char *text)
{
  return fputs (text, stdout) == EOF || fflush (stdout) == EOF;
}

static int
parse_one (struct options *o, int opt)
{
  switch (opt) {
  case OPT_DIR:
    return parse_dir (o, optarg);
  case OPT_LISTEN:
    return add (&o->listen, strdup (optarg));
  case OPT_SOCKET:
    return add (&o->sockets, absolute (optarg));
  case OPT_TLS_PSK:
    return parse_path (&o->tls_psk, optarg);
  case OPT_TLS_CERTIFICATES:
    return parse_path (&o->tls_certificates, optarg);
  case OPT_TLS_VERIFY_PEER:
    o->tls_verify_peer = true;
    return OPTIONS_RUN;
  case OPT_ACCESS:
    return parse_path (&o->access, optarg);
  case OPT_INSECURE:
    o->insecure = true;
    return OPTIONS_RUN;
  case OPT_LEASE:
    return parse_lease (o, optarg);
  case OPT_MAX_CLIENTS:
    return parse_max_clients (o, optarg);
  case OPT_STATUS:
    o->status = optarg;
    return OPTIONS_RUN;
  case OPT_PIDFILE:
    return parse_path (&o->pidfile, optarg);
  case OPT_FOREGROUND:
    o->foreground = true;
    return OPTIONS_RUN;
  case OPT_HELP:
    return say (help);
  case OPT_VERSION:
    return say ("nbdmirror-logd " PACKAGE_VERSION "\n");
  default:
    return usage ();
  }
}

static int
check (const struct options *o, int argc, char *argv[])
{
  if (optind < argc)
    msg_error ("%s: not an option", argv[optind]);
  else if (!o->dir)
    msg_error ("--dir is missing");
  else if (o->tls_psk && o->tls_certificates)
    msg_error ("--tls-psk and --tls-certificates exclude each other");
  else if (o->tls_verify_peer && !o->tls_certificates)
    msg_error ("--tls-verify-peer needs --tls-certificates");
  else
    return OPTIONS_RUN;
  return usage ();
}

int
options_parse (struct options *o, int argc, char *argv[])
{
  int opt, r;

  *o = (struct options){.lease_ns = 10 * NSEC_PER_SEC, .max_clients = 1024};
  while ((opt = getopt_long (argc, argv, "", long_options, NULL)) != -1) {
    r = parse_one (o, opt);
    if (r != OPTIONS_RUN)
      return r;
  }
  return check (o, argc, argv);
}

static void
list_free (struct option_list *list)
{
  for (unsigned i = 0; i < list->nr; ++i)
    free (list->item[i]);
  free (list->item);
}

void
options_free (struct options *o)
{
  free (o->dir);
  free (o->tls_psk);
  free (o->tls_certificates);
  free (o->access);
  free (o->pidfile);
  list_free (&o->listen);
  list_free (&o->sockets);
}
