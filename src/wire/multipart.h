/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a body of multipart/form-data (RFC 7578) as it passes: where the contents of its parts are, and the values of
 * short fields. It keeps nothing else. It is strict where two readers could see two forms in the same bytes: every line
 * ends in CR LF, nothing stands before the first boundary or behind the last one, a part has one name. Pure and
 * resumable at every byte. */
#ifndef SL_WIRE_MULTIPART_H
#define SL_WIRE_MULTIPART_H

#include "base/err.h"
#include "base/str.h"
#include "wire/head.h"

/* RFC 2046 5.1.1. */
#define SL_MULTIPART_BOUNDARY_MAX 70
#define SL_MULTIPART_PARTS_MAX    1000
/* For a part, and for the blanks behind a boundary. */
#define SL_MULTIPART_HEAD_MAX   4096
#define SL_MULTIPART_FIELDS_MAX 16
/* The longest value of a field that is kept. */
#define SL_MULTIPART_VALUE_MAX 256

/* CR LF, two hyphens, the boundary. */
#define SL_MULTIPART_MARK_MAX (SL_MULTIPART_BOUNDARY_MAX + 4)

enum sl_multipart_event {
    SL_MULTIPART_MORE,  /* all bytes were used, more must come */
    SL_MULTIPART_PART,  /* a part's head was read: name, is_file, start */
    SL_MULTIPART_TAKEN, /* its content was read: end, and a field's value */
    SL_MULTIPART_END,   /* the closing boundary was read */
};

struct sl_multipart {
    uint64_t at;       /* bytes used so far */
    const char *fault; /* after SL_E_INVAL: what is wrong; may be shown */
    /* the part */
    uint32_t n_parts; /* its number, from 1 */
    struct sl_str name;
    bool is_file;
    uint64_t start, end; /* of its content in the body */
    struct sl_str value; /* of a field, at TAKEN; p == NULL: longer than SL_MULTIPART_VALUE_MAX, or a file */
    /* private */
    uint8_t state;
    uint8_t n_mark, n_matched, n_blanks;
    char mark[SL_MULTIPART_MARK_MAX];
    struct sl_head_check check;
    uint32_t n_head, n_kept;
    char head[SL_MULTIPART_HEAD_MAX];
    char kept[SL_MULTIPART_VALUE_MAX + SL_MULTIPART_MARK_MAX];
};

/* True: the type is multipart/form-data, with any parameters. */
bool sl_multipart_is(struct sl_str content_type);
/* Writes the boundary of such a Content-Type into `out`. SL_E_INVAL: there is none that can be used, and *ret_fault
 * says why. */
SL_MUST int sl_multipart_boundary(struct sl_str content_type, char out[SL_MULTIPART_BOUNDARY_MAX], size_t *ret_n,
                                  const char **ret_fault);

void sl_multipart_init(struct sl_multipart *form, struct sl_str boundary);
/* The next event in `bytes`; *ret_used of them belong to it or came before it. SL_E_INVAL: refused, see `fault`. */
SL_MUST int sl_multipart_push(struct sl_multipart *form, struct sl_str bytes, size_t *ret_used);
/* The body ended: 0, or SL_E_TRUNCATED (see `fault`) when the form had not ended. */
SL_MUST int sl_multipart_finish(struct sl_multipart *form);

#endif
