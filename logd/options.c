/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"
#include "deadline.h"
#include "msg.h"
#include "options.h"
#include "proto.h"

#define EXIT_USAGE 64
#define MIN_LEASE 1.
#define MAX_LEASE 3600.
#define MAX_CLIENTS 1000000
#define MIN_ETCD_LEASE 2
#define MAX_ETCD_LEASE 3600

static const char help[] =
  "nbdmirror-logd --store DIR|etcd:MEMBER,... [OPTION...]: serve dirty logs "
  "to\n"
  "mirrors.\n"
  "\n"
  "  --store DIR             where the logs are kept; --dir DIR is the same\n"
  "  --store etcd:HOST[:PORT][,HOST[:PORT]...][/PREFIX]\n"
  "                          keep them in etcd, for several servers\n"
  "  --advertise HOST:PORT   where mirrors find this one of them\n"
  "  --etcd-lease SECONDS    how long a silent server keeps its logs\n"
  "                          (default: 3)\n"
  "  --etcd-cacert FILE      etcd by TLS; who signed its certificate\n"
  "  --etcd-cert FILE, --etcd-key FILE\n"
  "                          ... and the certificate to show to it\n"
  "  --etcd-user USER, --etcd-password FILE\n"
  "                          a user of etcd\n"
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
  OPT_STORE,
  OPT_ADVERTISE,
  OPT_ETCD_LEASE,
  OPT_ETCD_CACERT,
  OPT_ETCD_CERT,
  OPT_ETCD_KEY,
  OPT_ETCD_USER,
  OPT_ETCD_PASSWORD,
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
  {"store", required_argument, NULL, OPT_STORE},
  {"advertise", required_argument, NULL, OPT_ADVERTISE},
  {"etcd-lease", required_argument, NULL, OPT_ETCD_LEASE},
  {"etcd-cacert", required_argument, NULL, OPT_ETCD_CACERT},
  {"etcd-cert", required_argument, NULL, OPT_ETCD_CERT},
  {"etcd-key", required_argument, NULL, OPT_ETCD_KEY},
  {"etcd-user", required_argument, NULL, OPT_ETCD_USER},
  {"etcd-password", required_argument, NULL, OPT_ETCD_PASSWORD},
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
parse_store (struct options *o, const char *text)
{
  if (!store_spec_is_etcd (text))
    return parse_dir (o, text);
  return store_spec_parse (&o->store, text) == 0 ? OPTIONS_RUN : usage ();
}

static int
parse_advertise (struct options *o, const char *text)
{
  struct address address;
  const char *why = "a host's name or address is needed";

  if (address_parse (&address, text, strlen (text), PROTO_DEFAULT_PORT_TEXT,
                     &why) == -1 ||
      (!address.path[0] && !address.host[0])) {
    msg_error ("--advertise=%s: %s", text, why);
    return usage ();
  }
  o->advertise = text;
  return OPTIONS_RUN;
}

static int
parse_etcd_lease (struct options *o, const char *text)
{
  char *end;
  long seconds = strtol (text, &end, 10);

  if (end == text || *end || seconds < MIN_ETCD_LEASE ||
      seconds > MAX_ETCD_LEASE) {
    msg_error ("--etcd-lease=%s: must be %d to %d seconds", text,
               MIN_ETCD_LEASE, MAX_ETCD_LEASE);
    return usage ();
  }
  o->etcd_lease = (unsigned) seconds;
  return OPTIONS_RUN;
}

static int
parse_etcd (struct options *o, int opt)
{
  switch (opt) {
  case OPT_ADVERTISE:
    return parse_advertise (o, optarg);
  case OPT_ETCD_LEASE:
    return parse_etcd_lease (o, optarg);
  case OPT_ETCD_CACERT:
    return parse_path (&o->etcd_cacert, optarg);
  case OPT_ETCD_CERT:
    return parse_path (&o->etcd_cert, optarg);
  case OPT_ETCD_KEY:
    return parse_path (&o->etcd_key, optarg);
  case OPT_ETCD_USER:
    o->etcd_user = optarg;
    return OPTIONS_RUN;
  case OPT_ETCD_PASSWORD:
    return parse_path (&o->etcd_password, optarg);
  default:
    return usage ();
  }
}

static int
parse_tls (struct options *o, int opt)
{
  switch (opt) {
  case OPT_TLS_PSK:
    return parse_path (&o->tls_psk, optarg);
  case OPT_TLS_CERTIFICATES:
    return parse_path (&o->tls_certificates, optarg);
  case OPT_TLS_VERIFY_PEER:
    o->tls_verify_peer = true;
    return OPTIONS_RUN;
  default:
    return parse_etcd (o, opt);
  }
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
  case OPT_STORE:
    return parse_store (o, optarg);
  case OPT_LISTEN:
    return add (&o->listen, strdup (optarg));
  case OPT_SOCKET:
    return add (&o->sockets, absolute (optarg));
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
    return parse_tls (o, opt);
  }
}

/* NULL, or what is wrong. */
static const char *
check_etcd (const struct options *o)
{
  if (!o->store.text)
    return o->etcd_cacert || o->etcd_cert || o->etcd_key || o->etcd_user ||
               o->etcd_password || o->advertise
             ? "--etcd-... and --advertise are for --store etcd:..."
             : NULL;
  if (!o->etcd_cert != !o->etcd_key)
    return "--etcd-cert and --etcd-key need each other";
  if (!o->etcd_user != !o->etcd_password)
    return "--etcd-user and --etcd-password need each other";
  if (o->etcd_cert && !o->etcd_cacert)
    return "--etcd-cert needs --etcd-cacert";
  if (!o->etcd_cacert && !o->insecure && !store_spec_is_local (&o->store))
    return "etcd on other machines needs --etcd-cacert, or --insecure";
  return NULL;
}

static int
check (const struct options *o, int argc, char *argv[])
{
  if (optind < argc)
    msg_error ("%s: not an option", argv[optind]);
  else if (!o->dir && !o->store.text)
    msg_error ("--store is missing");
  else if (o->dir && o->store.text)
    msg_error ("logs are in a directory, or in etcd, not in both");
  else if (check_etcd (o))
    msg_error ("%s", check_etcd (o));
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

  *o = (struct options){
    .lease_ns = 10 * NSEC_PER_SEC, .max_clients = 1024, .etcd_lease = 3};
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
  store_spec_free (&o->store);
  free (o->etcd_cacert);
  free (o->etcd_cert);
  free (o->etcd_key);
  free (o->etcd_password);
  free (o->tls_psk);
  free (o->tls_certificates);
  free (o->access);
  free (o->pidfile);
  list_free (&o->listen);
  list_free (&o->sockets);
}
