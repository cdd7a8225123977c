/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "byte-order.h"
#include "cleanup.h"
#include "deadline.h"
#include "file-id.h"
#include "leg-base.h"
#include "nbd-places.h"
#include "resolver.h"

/* Without an answer the name alone remains. */
#define LOOK_UP_NS (2 * NSEC_PER_SEC)

/* Takes the text over.  NULL is an error that errno tells. */
static int
add (struct nbd_places *places, char *text)
{
  char **larger;

  if (!text)
    return -1;
  larger = reallocarray (places->text, places->nr + 1, sizeof *larger);
  if (!larger) {
    free (text);
    return -1;
  }
  places->text = larger;
  places->text[places->nr++] = text;
  return 0;
}

/* --- texts; NULL with errno --- */

static char *
place_on_port (const struct nbd_identity *who, const char *host)
{
  char *text;

  if (asprintf (&text, "%s%s port %" PRIu32 ", export \"%s\"",
                who->transport == NBD_VSOCK ? "vsock " : "", host, who->port,
                who->export_name) == -1)
    return NULL;
  return text;
}

/* An IPv4 address is the same when it is written as one of IPv6. */
static char *
place_of_address (const struct nbd_identity *who, const struct sockaddr *sa,
                  socklen_t len)
{
  const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) sa;
  char host[NI_MAXHOST];

  if (sa->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED (&in6->sin6_addr)) {
    if (!inet_ntop (AF_INET, in6->sin6_addr.s6_addr + 12, host, sizeof host))
      return NULL;
  }
  else if (getnameinfo (sa, len, host, sizeof host, NULL, 0, NI_NUMERICHOST) !=
           0) {
    errno = EINVAL;
    return NULL;
  }
  return place_on_port (who, host);
}

char *
nbd_place_of_peer (const struct nbd_identity *who, int fd)
{
  struct sockaddr_storage ss;
  socklen_t len = sizeof ss;

  if (who->transport != NBD_TCP) {
    errno = 0;
    return NULL;
  }
  if (getpeername (fd, (struct sockaddr *) &ss, &len) == -1)
    return NULL;
  return place_of_address (who, (struct sockaddr *) &ss, len);
}

/* --- all of them --- */

static int
find_addresses (struct nbd_places *places, const struct nbd_identity *who)
{
  struct resolver *resolver = resolver_new (who->host);
  struct host_address found[RESOLVER_MAX];
  const char *why;
  int nr, r = 0;

  if (!resolver)
    return -1;
  nr = resolver_ask (resolver, now_ns () + LOOK_UP_NS, NULL, found, &why);
  resolver_free (resolver);
  for (int i = 0; i < nr && r == 0; ++i)
    r = add (places,
             place_of_address (who, (const struct sockaddr *) &found[i].addr,
                               found[i].len));
  return r;
}

/* The same also through a hard link or another mount.  When the server is gone
 * its inode is soon another socket's, so the time of birth counts.  NULL with
 * errno; 0: there is no such file.
 */
static char *
place_of_file (const struct nbd_identity *who, const char *path)
{
  CLEANUP_CLOSE int fd = open (path, O_PATH | O_CLOEXEC);
  uint8_t id[FILE_ID_SIZE];
  struct stat st;
  char *text;

  if (fd == -1 || fstat (fd, &st) == -1) {
    errno = 0;
    return NULL;
  }
  file_id (fd, &st, id);
  if (asprintf (&text,
                "socket with inode %" PRIu64 " (%" PRIx64 "), export \"%s\"",
                get_le64 (id), get_le64 (id + 8), who->export_name) == -1)
    return NULL;
  return text;
}

/* The path stays when the server starts again. */
static int
find_socket (struct nbd_places *places, const struct nbd_identity *who)
{
  CLEANUP_FREE char *path = leg_canonical_path (who->host);
  char *text;

  if (!path || asprintf (&text, "socket %s, export \"%s\"", path,
                         who->export_name) == -1)
    return -1;
  if (add (places, text) == -1)
    return -1;
  text = place_of_file (who, path);
  return text || errno != 0 ? add (places, text) : 0;
}

static int
compare (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static void
sort (struct nbd_places *places)
{
  size_t kept = 0;

  qsort (places->text, places->nr, sizeof places->text[0], compare);
  for (size_t i = 0; i < places->nr; ++i)
    if (kept > 0 && strcmp (places->text[kept - 1], places->text[i]) == 0)
      free (places->text[i]);
    else
      places->text[kept++] = places->text[i];
  places->nr = kept;
}

int
nbd_places_find (struct nbd_places *places, const struct nbd_identity *who)
{
  int r;

  memset (places, 0, sizeof *places);
  if (who->transport == NBD_UNIX)
    r = find_socket (places, who);
  else
    r = add (places, place_on_port (who, who->host));
  if (r == 0 && who->transport == NBD_TCP)
    r = find_addresses (places, who);
  if (r == 0)
    sort (places);
  else {
    int err = errno;

    nbd_places_free (places);
    errno = err;
  }
  return r;
}

void
nbd_places_free (struct nbd_places *places)
{
  for (size_t i = 0; i < places->nr; ++i)
    free (places->text[i]);
  free (places->text);
  memset (places, 0, sizeof *places);
}
