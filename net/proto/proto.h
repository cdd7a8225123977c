/* SPDX-License-Identifier: BSD-3-Clause */

/* The protocol between a mirror and its log server: frames to bytes and
 * back, no I/O.  The page nbdmirror-protocol(7) is the specification; names
 * of operations are those of the kernel's dm-log-userspace
 * (include/uapi/linux/dm-log-userspace.h).
 *
 * A frame is a header of 32 bytes and a payload, all fields big endian:
 *
 *      0  magic u32    "nbmL"
 *      4  type u16     enum proto_type
 *      6  flags u16    PROTO_REPLY ...
 *      8  id u64       of the request, chosen by the client, never 0; a
 *                      reply has the id of its request; 0: a notice
 *     16  error u32    enum proto_error, 0 in requests
 *     20  length u32   of the payload, at most PROTO_MAX_PAYLOAD
 *     24  crc32 u32    of header and payload with this field zero (zlib)
 *     28  zero u32
 *
 * A reply with an error has a text as payload instead of the usual one.  It
 * may have any type, so that also what is not known is replied to.
 *
 * Every length is checked before anything is read; what decode returns has
 * all values in the ranges said here.  Decoded runs, names and texts point
 * into the frame, which must live as long.
 *
 * No function allocates except through struct buffer, none blocks, all are
 * thread-safe for different objects.
 */

#ifndef NBDMIRROR_PROTO_H
#define NBDMIRROR_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define PROTO_MAGIC UINT32_C (0x6e626d4c)
#define PROTO_VERSION 1
#define PROTO_DEFAULT_PORT 10810
#define PROTO_DEFAULT_PORT_TEXT "10810"

#define PROTO_HEADER_SIZE 32
#define PROTO_MAX_PAYLOAD (UINT32_C (64) << 10)
#define PROTO_MAX_FRAME (PROTO_HEADER_SIZE + PROTO_MAX_PAYLOAD)
#define PROTO_MAX_RUNS 4096     /* in one frame */
#define PROTO_MAX_NAME 128      /* of a log, without the NUL */
#define PROTO_MAX_HOST 63       /* of an owner; of the software in HELLO */
#define PROTO_MAX_TEXT 1024     /* of an error */
#define PROTO_MAX_LEG_NAME 4071 /* as LOG_NAME_SIZE, without the NUL */
#define PROTO_MAX_LEGS 8
#define PROTO_MAX_REGIONS (UINT64_C (64) << 20)
#define PROTO_ID_SIZE 16
#define PROTO_MAX_MIN_BLOCK (UINT32_C (64) << 10)

/* Flags of a frame. */
#define PROTO_REPLY 1u
#define PROTO_MORE 2u /* further replies with this id follow */

enum proto_type {
  PROTO_HELLO = 1, /* first on each connection */
  PROTO_ATTACH,    /* become the owner of a log, or only read it */
  PROTO_RENEW,     /* the lease */
  PROTO_DETACH,    /* give the log up; the server closes it */

  /* Changes.  No reply if they succeed: they take effect in the server's
   * memory in the order sent, and a FLUSH makes them durable.
   */
  PROTO_CREATE, /* kernel: CTR */
  PROTO_GROW,
  PROTO_SET_RECORD, /* generation, primary, legs */
  PROTO_MARK_REGION,
  PROTO_CLEAR_REGION,
  PROTO_SET_REGION_SYNC, /* of one leg */

  PROTO_FLUSH,

  /* Questions about the attached log, for the bridge to the kernel's dm-mirror:
   * the mirror's own log answers them without its server.
   */
  PROTO_IS_CLEAN,
  PROTO_IN_SYNC,
  PROTO_GET_RESYNC_WORK,
  PROTO_GET_SYNC_COUNT,
  PROTO_IS_REMOTE_RECOVERING,

  /* Administration. */
  PROTO_STATUS_INFO, /* of the log named, or of all */
  PROTO_DELETE,
  PROTO_TAKEOVER,

  /* Only from the server. */
  PROTO_STATE_RECORD, /* parts of the reply to ATTACH: as SET_RECORD, */
  PROTO_STATE_RUNS,   /* ... and runs of one map */
  PROTO_RELEASE,      /* a notice: somebody waits for this log */

  PROTO_NR_TYPES,
};

enum proto_error {
  PROTO_OK = 0,
  PROTO_E_INVALID,     /* the request makes no sense, or not now */
  PROTO_E_UNSUPPORTED, /* a type or version that the server doesn't know */
  PROTO_E_DENIED,      /* this identity may not open this log */
  PROTO_E_OWNED,       /* by another mirror, which is alive */
  PROTO_E_WAIT,        /* with PROTO_MORE: the owner is silent; ATTACH goes on
                        * waiting for the end of its lease */
  PROTO_E_STALE,       /* the epoch is over: another mirror has the log */
  PROTO_E_OTHER_LOG,   /* ATTACH: not the log, or older than the one, that
                        * this session had */
  PROTO_E_NO_LOG,      /* there is none of this name */
  PROTO_E_IO,          /* the store of the log failed: the text says why */
  PROTO_E_NO_SPACE,
  PROTO_E_BUSY,      /* too many clients, or logs */
  PROTO_E_ELSEWHERE, /* another server has the log: "ask HOST:PORT"; only to
                          who has PROTO_FEATURE_ELSEWHERE */
  PROTO_NR_ERRORS,
};

/* For messages: "mark-region", "owned" ...; "?" if unknown. */
const char *proto_type_name (unsigned type);
const char *proto_error_name (unsigned error);

/* --- payloads --- */

/* A string that is not terminated.  Hosts and software are printable ASCII;
 * texts have no control characters, names of legs no NUL.
 */
struct proto_str {
  const char *s;
  uint32_t len;
};

/* nr >= 1 regions, first + nr <= PROTO_MAX_REGIONS. */
struct proto_run {
  uint64_t first;
  uint32_t nr;
};

/* nr runs, packed: use proto_run_get. */
struct proto_runs {
  uint32_t nr; /* 0 ... PROTO_MAX_RUNS */
  const uint8_t *packed;
};

/* Features: bits 0-31 must be understood by both sides if both set them.
 * Unknown bits are ignored.
 */
#define PROTO_FEATURE_MIN_BLOCK UINT64_C (1) /* records may have min_block */
#define PROTO_FEATURE_ELSEWHERE UINT64_C (2) /* knows PROTO_E_ELSEWHERE */

struct proto_hello {
  uint32_t version;
  uint64_t features;
  struct proto_str software;     /* for messages */
  uint8_t server[PROTO_ID_SIZE]; /* reply: of this run of the server */
};

#define PROTO_ATTACH_READ_ONLY 1u /* no lease, no changes: only the state */
#define PROTO_ATTACH_MEMORY 2u    /* the server keeps the log in memory */
#define PROTO_ATTACH_AGAIN 4u     /* the session had it: no state is sent */

struct proto_attach {
  uint32_t flags;
  uint8_t session[PROTO_ID_SIZE]; /* random, of this run of the mirror */
  struct proto_str name;          /* of the log: proto_name_ok */
  struct proto_str host;          /* of the mirror, for messages */
  uint32_t pid;
  /* PROTO_ATTACH_AGAIN: what the session knows, else zero. */
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t epoch;
  uint64_t flush_number;
};

/* Found: as enum log_found of dirty-log.h. */
#define PROTO_NR_FOUND 5

#define PROTO_LOG_UNCLEAN 1u
#define PROTO_LOG_SHARED_MAP 2u
#define PROTO_LOG_MEMORY 4u

struct proto_attached {  /* the last reply to ATTACH */
  uint64_t epoch;        /* fences all that this session sends */
  uint64_t flush_number; /* of the last durable flush */
  uint32_t lease_ms;     /* counted from when ATTACH was sent */
  uint8_t found;
  uint32_t flags; /* PROTO_LOG_... */
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t size;        /* bytes; 0 with region_size 0: no mirror yet */
  uint32_t region_size; /* bytes; 0 with nr_regions: of the kernel's log */
  uint64_t nr_regions;  /* at most PROTO_MAX_REGIONS */
  uint64_t owner_pid;   /* found: the last owner, 0 = unknown */
  struct proto_str owner_host;
};

struct proto_renewed { /* reply to RENEW */
  uint32_t lease_ms;   /* counted from when RENEW was sent */
};

struct proto_create {
  uint64_t epoch;
  uint8_t uuid[PROTO_ID_SIZE];
  uint64_t size;        /* not 0 */
  uint32_t region_size; /* power of two, 64 KiB ... 64 MiB, and at most
                         * PROTO_MAX_REGIONS regions */
  uint64_t generation;
};

struct proto_grow {
  uint64_t epoch;
  uint64_t size; /* not 0, at most PROTO_MAX_REGIONS of 64 MiB */
};

struct proto_leg {
  uint8_t state; /* enum log_leg_state, 0 ... 2; 0: the rest is zero */
  uint8_t kind;
  uint8_t id[PROTO_ID_SIZE];
  uint64_t generation; /* at most that of the record */
  uint64_t size;
  struct proto_str name;
};

struct proto_record {
  uint64_t epoch; /* 0 in STATE_RECORD */
  uint64_t generation;
  uint8_t primary; /* below PROTO_MAX_LEGS */
  struct proto_leg leg[PROTO_MAX_LEGS];
  /* Power of two, at most PROTO_MAX_MIN_BLOCK.  0: not known, and not in the
   * frame; it must be 0 to a peer without PROTO_FEATURE_MIN_BLOCK.
   */
  uint32_t min_block;
};

/* The maps of STATE_RUNS. */
#define PROTO_MAP_MARKED 0
#define PROTO_MAP_MISSED(slot) (1 + (slot))
#define PROTO_MAP_KERNEL_DIRTY (1 + PROTO_MAX_LEGS)
#define PROTO_NR_MAPS (2 + PROTO_MAX_LEGS)

/* MARK_REGION, CLEAR_REGION; SET_REGION_SYNC (slot, in_sync); STATE_RUNS
 * (map).  Fields a type does not have are 0.
 */
struct proto_change {
  uint64_t epoch; /* 0 in STATE_RUNS */
  uint8_t map;
  uint8_t slot;
  bool in_sync;
  struct proto_runs runs;
};

#define PROTO_FLUSH_COMMIT 1u /* raising changes, too */
#define PROTO_DETACH_CLEAN 1u /* a clean shutdown, if nothing is marked */
#define PROTO_TAKEOVER_FENCED 1u

struct proto_flush { /* also RENEW, DETACH */
  uint64_t epoch;
  uint32_t flags;
};

struct proto_flushed {
  uint64_t flush_number;
};

/* IS_CLEAN, IS_REMOTE_RECOVERING: first.  IN_SYNC: slot, first, nr.
 * GET_RESYNC_WORK: slots (a mask), first = from, nr = at most.
 * GET_SYNC_COUNT: nothing.
 */
struct proto_query {
  uint32_t slot;
  uint64_t first, nr;
};

/* IS_CLEAN, IN_SYNC, GET_SYNC_COUNT: value.  GET_RESYNC_WORK: value = there
 * is some, first, nr.  IS_REMOTE_RECOVERING: value, first = the hint.
 */
struct proto_answer {
  uint64_t value, first, nr;
};

/* STATUS_INFO (name may be empty: all logs, a reply for each, then an empty
 * one), DELETE, TAKEOVER.
 */
struct proto_named {
  uint32_t flags;
  struct proto_str name;
};

struct proto_msg {
  uint16_t type;
  uint16_t flags;
  uint64_t id;
  uint32_t error;
  union {
    struct proto_hello hello; /* HELLO and its reply */
    struct proto_attach attach;
    struct proto_attached attached; /* reply */
    struct proto_renewed renewed;   /* reply */
    struct proto_create create;
    struct proto_grow grow;
    struct proto_record record; /* SET_RECORD, STATE_RECORD */
    struct proto_change change;
    struct proto_flush flush;     /* FLUSH, RENEW, DETACH */
    struct proto_flushed flushed; /* reply to FLUSH */
    struct proto_query query;
    struct proto_answer answer; /* reply to a query */
    struct proto_named named;
    struct proto_str text; /* reply with an error; to STATUS_INFO
                            * (JSON, without control characters below 20 hex,
                            * at most PROTO_MAX_PAYLOAD - 2); RELEASE */
  };
};

/* --- bytes --- */

/* Append one frame to a buffer from which nothing was consumed; msg does not
 * point into it.  Returns 0, or -1 with
 * errno, and nothing was appended: ENOMEM, EINVAL (a value out of its range,
 * or too long, or there is no such frame).
 */
int proto_encode (struct buffer *buf, const struct proto_msg *msg);

/* Frames of runs are built in place: begin (msg as for proto_encode, its
 * runs ignored), add up to PROTO_MAX_RUNS, end.  0, or -1 with errno as
 * above; add: ENOSPC, the frame is full.  After a failure of add the frame
 * may still be ended.
 */
struct proto_runs_frame {
  struct buffer *buf;
  size_t start; /* of the frame */
  uint32_t nr;
};

int proto_runs_begin (struct proto_runs_frame *f, struct buffer *buf,
                      const struct proto_msg *msg);
int proto_runs_add (struct proto_runs_frame *f, uint64_t first, uint32_t nr);
void proto_runs_end (struct proto_runs_frame *f);

/* How long is the frame that begins here?  Needs PROTO_HEADER_SIZE bytes.
 * 0 if this is no frame: close the connection.
 */
size_t proto_frame_length (const uint8_t header[PROTO_HEADER_SIZE]);

/* Decode one whole frame.  PROTO_OK, or why not: PROTO_E_INVALID (damaged
 * or senseless; msg->type, flags and id are only set if msg->id != 0),
 * PROTO_E_UNSUPPORTED (sound, of a type we do not know; type, flags, id are
 * set).  Then the payload of msg is all zero.
 */
enum proto_error proto_decode (struct proto_msg *msg, const uint8_t *frame,
                               size_t len);

struct proto_run proto_run_get (const struct proto_runs *runs, uint32_t i);

/* A log's name: 1 ... PROTO_MAX_NAME of A-Z a-z 0-9 . _ -, beginning with
 * a letter or digit.
 */
bool proto_name_ok (struct proto_str name);

#endif /* NBDMIRROR_PROTO_H */
