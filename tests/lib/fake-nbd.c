/* SPDX-License-Identifier: BSD-3-Clause */

#include "config.h"

#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "byte-order.h"
#include "fake-nbd.h"

/* The protocol's numbers: doc/proto.md of the NBD project. */
#define INIT_MAGIC "NBDMAGICIHAVEOPT"
#define OPTION_REPLY_MAGIC UINT64_C (0x3e889045565a9)
#define REPLY_MAGIC 0x668e33efu /* of a chunk of a structured reply */
#define FIXED_NEWSTYLE 1
#define NO_ZEROES 2
#define OPT_GO 7
#define OPT_STRUCTURED_REPLY 8
#define OPT_SET_META_CONTEXT 10
#define REP_ACK 1
#define REP_INFO 3
#define REP_META_CONTEXT 4
#define REP_ERR_UNSUP 0x80000001u
#define TRANSMISSION_FLAGS (1u | 4u | 8u) /* there are flags; flush, FUA */
#define MULTI_CONN 256u
#define CMD_READ 0
#define CMD_WRITE 1
#define CMD_DISC 2
#define CMD_FLUSH 3
#define CMD_BLOCK_STATUS 7
#define CHUNK_DONE 1
#define CHUNK_NONE 0
#define CHUNK_DATA 1
#define CHUNK_BLOCK_STATUS 5

#define CONTEXT_ID 1
#define CONTEXT "base:allocation"
#define MAX_OPTION 4096

#define THIN_BYTES 65536
#define THIN_MS 100
#define FLUSH_MS 1500

struct request {
  unsigned type;
  uint64_t cookie, offset;
  uint32_t count;
};

/* The client has gone: the next one. */
static bool
receive (int fd, void *buf, size_t count)
{
  return count == 0 || recv (fd, buf, count, MSG_WAITALL) == (ssize_t) count;
}

static bool
transmit (int fd, const void *buf, size_t count)
{
  return send (fd, buf, count, MSG_NOSIGNAL) == (ssize_t) count;
}

static void
take_ms (int ms)
{
  poll (NULL, 0, ms);
}

/* Let data pass, in one piece or slowly. */
static bool
transfer (int fd, uint8_t *buf, size_t count, bool out,
          enum fake_nbd_fault fault)
{
  size_t step = fault == FAKE_NBD_THIN_LINE ? THIN_BYTES : count;
  bool ok = true;

  for (size_t n; ok && count > 0; buf += n, count -= n) {
    n = step < count ? step : count;
    ok = out ? transmit (fd, buf, n) : receive (fd, buf, n);
    if (fault == FAKE_NBD_THIN_LINE)
      take_ms (THIN_MS);
  }
  return ok;
}

/* ---- Options ---- */

static bool
reply_option (int fd, uint32_t option, uint32_t type, const void *data,
              uint32_t len)
{
  uint8_t head[20];

  put_be64 (head, OPTION_REPLY_MAGIC);
  put_be32 (head + 8, option);
  put_be32 (head + 12, type);
  put_be32 (head + 16, len);
  return transmit (fd, head, sizeof head) &&
         (len == 0 || transmit (fd, data, len));
}

static bool
reply_go (int fd, enum fake_nbd_fault fault)
{
  uint8_t info[12] = {0};

  put_be64 (info + 2, FAKE_NBD_SIZE);
  put_be16 (info + 10, TRANSMISSION_FLAGS |
                         (fault == FAKE_NBD_MULTI_CONN ? MULTI_CONN : 0));
  return reply_option (fd, OPT_GO, REP_INFO, info, sizeof info) &&
         reply_option (fd, OPT_GO, REP_ACK, NULL, 0);
}

static bool
reply_context (int fd)
{
  uint8_t context[4 + sizeof CONTEXT - 1];

  put_be32 (context, CONTEXT_ID);
  memcpy (context + 4, CONTEXT, sizeof CONTEXT - 1);
  return reply_option (fd, OPT_SET_META_CONTEXT, REP_META_CONTEXT, context,
                       sizeof context) &&
         reply_option (fd, OPT_SET_META_CONTEXT, REP_ACK, NULL, 0);
}

/* True: the client wants to go on to requests. */
static bool
negotiate (int fd, enum fake_nbd_fault fault)
{
  uint8_t head[16], data[MAX_OPTION];
  uint32_t option = 0, len;
  bool ok;

  memcpy (head, INIT_MAGIC, 16);
  put_be16 (data, FIXED_NEWSTYLE | NO_ZEROES);
  ok =
    transmit (fd, head, 16) && transmit (fd, data, 2) && receive (fd, data, 4);
  while (ok && option != OPT_GO) {
    if (!receive (fd, head, 16))
      return false;
    option = get_be32 (head + 8);
    len = get_be32 (head + 12);
    if (len > sizeof data || !receive (fd, data, len))
      return false;
    if (option == OPT_GO)
      ok = reply_go (fd, fault);
    else if (option == OPT_SET_META_CONTEXT)
      ok = reply_context (fd);
    else
      ok =
        reply_option (fd, option,
                      option == OPT_STRUCTURED_REPLY ? REP_ACK : REP_ERR_UNSUP,
                      NULL, 0);
  }
  return ok;
}

/* ---- Requests ---- */

static bool
send_head (int fd, const struct request *req, unsigned flags, unsigned type,
           uint32_t len)
{
  uint8_t head[20];

  put_be32 (head, REPLY_MAGIC);
  put_be16 (head + 4, (uint16_t) flags);
  put_be16 (head + 6, (uint16_t) type);
  put_be64 (head + 8, req->cookie);
  put_be32 (head + 16, len);
  return transmit (fd, head, sizeof head);
}

static bool
send_chunk (int fd, const struct request *req, unsigned flags, unsigned type,
            const void *data, uint32_t len)
{
  return send_head (fd, req, flags, type, len) &&
         (len == 0 || transmit (fd, data, len));
}

static bool
send_done (int fd, const struct request *req)
{
  return send_chunk (fd, req, CHUNK_DONE, CHUNK_NONE, NULL, 0);
}

static bool
send_data (int fd, const struct request *req, uint32_t count,
           enum fake_nbd_fault fault)
{
  static uint8_t data[8 + FAKE_NBD_SIZE];

  if (count > FAKE_NBD_SIZE)
    return false;
  put_be64 (data, req->offset);
  memset (data + 8, FAKE_NBD_BYTE, count);
  return send_head (fd, req, 0, CHUNK_DATA, 8 + count) &&
         transfer (fd, data, 8 + count, true, fault);
}

static bool
send_extent (int fd, const struct request *req, uint32_t count)
{
  uint8_t data[12];

  put_be32 (data, CONTEXT_ID);
  put_be32 (data + 4, count);
  put_be32 (data + 8, 0);
  return send_chunk (fd, req, 0, CHUNK_BLOCK_STATUS, data, sizeof data);
}

static bool
answer_read (int fd, const struct request *req, enum fake_nbd_fault fault)
{
  if (fault == FAKE_NBD_NO_DATA)
    return true;
  return send_data (fd, req,
                    fault == FAKE_NBD_HALF_DATA ? req->count / 2 : req->count,
                    fault);
}

static bool
answer_status (int fd, const struct request *req, enum fake_nbd_fault fault)
{
  if (fault == FAKE_NBD_NO_EXTENTS)
    return true;
  if (fault == FAKE_NBD_TWICE_EXTENTS)
    return send_extent (fd, req, req->count / 2) &&
           send_extent (fd, req, req->count / 2);
  return send_extent (fd, req, req->count);
}

static bool
answer (int fd, const struct request *req, enum fake_nbd_fault fault)
{
  static uint8_t written[FAKE_NBD_SIZE];

  switch (req->type) {
  case CMD_DISC:
    return false;
  case CMD_READ:
    return answer_read (fd, req, fault) && send_done (fd, req);
  case CMD_BLOCK_STATUS:
    return answer_status (fd, req, fault) && send_done (fd, req);
  case CMD_WRITE:
    return req->count <= sizeof written &&
           transfer (fd, written, req->count, false, fault) &&
           send_done (fd, req);
  case CMD_FLUSH:
    if (fault == FAKE_NBD_SLOW_FLUSH)
      take_ms (FLUSH_MS);
    return send_done (fd, req);
  default:
    return send_done (fd, req);
  }
}

static void
serve (int fd, enum fake_nbd_fault fault)
{
  uint8_t head[28];
  struct request req;

  if (!negotiate (fd, fault))
    return;
  do {
    if (!receive (fd, head, sizeof head))
      return;
    req = (struct request){.type = get_be16 (head + 6),
                           .cookie = get_be64 (head + 8),
                           .offset = get_be64 (head + 16),
                           .count = get_be32 (head + 24)};
  } while (answer (fd, &req, fault));
}

static void
run_fake (int listening, const void *arg)
{
  const enum fake_nbd_fault *fault = arg;
  int fd;

  while ((fd = accept (listening, NULL, NULL)) != -1) {
    serve (fd, *fault);
    close (fd);
  }
}

void
fake_nbd_start (struct nbd_server *server, enum fake_nbd_fault fault)
{
  nbd_server_start_own (server, run_fake, &fault);
}
