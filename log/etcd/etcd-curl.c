/* SPDX-License-Identifier: BSD-3-Clause */

/* HTTP by libcurl.  A handle keeps its connections open; names are looked up
 * in a thread of curl's, within the time limit.
 */

#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <curl/curl.h>

#include "etcd.h"

#define MAX_ANSWER ((size_t) 16 << 20)
#define MAX_CONNECT_MS 1000L

struct handle {
  CURL *curl;
  const struct etcd_options *options;
  struct buffer *answer;
};

static size_t
take_answer (char *data, size_t size, size_t nr, void *opaque)
{
  struct handle *h = opaque;
  size_t len = size * nr;

  if (h->answer->len + len > MAX_ANSWER ||
      buffer_append (h->answer, data, len) == -1)
    return 0;
  return len;
}

static void
set_options (struct handle *h)
{
  const struct etcd_options *o = h->options;

  curl_easy_setopt (h->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt (h->curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt (h->curl, CURLOPT_PROTOCOLS_STR,
                    o->cacert ? "https" : "http");
  curl_easy_setopt (h->curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt (h->curl, CURLOPT_WRITEDATA, h);
  if (o->cacert)
    curl_easy_setopt (h->curl, CURLOPT_CAINFO, o->cacert);
  if (o->cert) {
    curl_easy_setopt (h->curl, CURLOPT_SSLCERT, o->cert);
    curl_easy_setopt (h->curl, CURLOPT_SSLKEY, o->key);
  }
}

static void *
curl_open (const struct etcd_options *options)
{
  struct handle *h = calloc (1, sizeof *h);

  if (!h)
    return NULL;
  h->options = options;
  h->curl = curl_easy_init ();
  if (!h->curl) {
    free (h);
    return NULL;
  }
  set_options (h);
  return h;
}

static void
curl_close (void *handle)
{
  struct handle *h = handle;

  curl_easy_cleanup (h->curl);
  free (h);
}

static struct curl_slist *
headers (const char *token)
{
  struct curl_slist *list =
    curl_slist_append (NULL, "Content-Type: application/json");
  char line[4096];

  /* Else curl waits a second for a "100 Continue" that etcd does not send. */
  list = curl_slist_append (list, "Expect:");
  if (!token)
    return list;
  snprintf (line, sizeof line, "Authorization: %s", token);
  return curl_slist_append (list, line);
}

static CURLcode
perform (struct handle *h, const char *url, const char *token,
         const char *body, size_t len, long timeout_ms)
{
  struct curl_slist *list = headers (token);
  CURLcode r;

  curl_easy_setopt (h->curl, CURLOPT_URL, url);
  curl_easy_setopt (h->curl, CURLOPT_HTTPHEADER, list);
  curl_easy_setopt (h->curl, CURLOPT_POSTFIELDSIZE, (long) len);
  curl_easy_setopt (h->curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt (h->curl, CURLOPT_TIMEOUT_MS, timeout_ms);
  curl_easy_setopt (h->curl, CURLOPT_CONNECTTIMEOUT_MS,
                    timeout_ms < MAX_CONNECT_MS ? timeout_ms : MAX_CONNECT_MS);
  r = curl_easy_perform (h->curl);
  curl_slist_free_all (list);
  return r;
}

static int
curl_post (void *handle, const char *member, const char *path,
           const char *token, const char *body, size_t len, long timeout_ms,
           struct buffer *answer, char *error)
{
  struct handle *h = handle;
  char url[512], detail[CURL_ERROR_SIZE] = "";
  long status = 0;
  CURLcode r;

  snprintf (url, sizeof url, "%s://%s/v3/%s",
            h->options->cacert ? "https" : "http", member, path);
  h->answer = answer;
  curl_easy_setopt (h->curl, CURLOPT_ERRORBUFFER, detail);
  r = perform (h, url, token, body, len, timeout_ms);
  curl_easy_setopt (h->curl, CURLOPT_ERRORBUFFER, NULL);
  if (r != CURLE_OK) {
    snprintf (error, ETCD_ERROR_SIZE, "%s",
              detail[0] ? detail : curl_easy_strerror (r));
    return -1;
  }
  curl_easy_getinfo (h->curl, CURLINFO_RESPONSE_CODE, &status);
  return (int) status;
}

const struct etcd_transport etcd_curl = {
  .open = curl_open,
  .close = curl_close,
  .post = curl_post,
};
