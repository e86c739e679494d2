/* SPDX-License-Identifier: Apache-2.0 */
/* The meaning of an attempt's end: libcurl's codes and HTTP's statuses as ours, how long a server asks to wait, and
 * whether the same call may succeed later. */
#include "client/priv.h"

#include <string.h>
#include <time.h>

#include "base/num.h"

/* --- transport --- */

/* libcurl has one code for everything that goes wrong while it reads (mostly CURLE_RECV_ERROR); only its text says
 * what. Since TLS 1.3 a server refuses a client's certificate after the client's handshake is over, so that comes as a
 * reading error, too. An end without TLS's close_notify is a lost connection, not a fault of TLS. */
static int words_map(const char *words)
{
    static const struct {
        const char *part, *and_part;
        int code;
    } rows[] = {
        { "unexpected eof", "", SLUICE_ECONNECT },
        { "Out of memory", "chunked-encoding", SLUICE_ENOMEM },
        { "chunked-encoding", "", SLUICE_EPROTOCOL },
        { "chunked-encoded", "", SLUICE_EPROTOCOL },
        { "SSL routines", "", SLUICE_ETLS },
        { "alert", "SSL", SLUICE_ETLS },
        { "alert", "TLS", SLUICE_ETLS },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (strstr(words, rows[i].part) && strstr(words, rows[i].and_part)) {
            return rows[i].code;
        }
    }
    return SLUICE_ECONNECT;
}

int slc_curl_code_map(CURLcode code, const char *words)
{
    static const struct {
        CURLcode from;
        int to;
    } rows[] = {
        { CURLE_OUT_OF_MEMORY, SLUICE_ENOMEM },
        { CURLE_OPERATION_TIMEDOUT, SLUICE_ETIMEOUT },
        { CURLE_URL_MALFORMAT, SLUICE_EUSAGE },
        { CURLE_COULDNT_RESOLVE_PROXY, SLUICE_ECONNECT }, /* their texts have names */
        { CURLE_COULDNT_RESOLVE_HOST, SLUICE_ECONNECT },
        { CURLE_COULDNT_CONNECT, SLUICE_ECONNECT },
        { CURLE_UNSUPPORTED_PROTOCOL, SLUICE_EPROTOCOL }, /* HTTP/0.9: garbage */
        { CURLE_WEIRD_SERVER_REPLY, SLUICE_EPROTOCOL },
        { CURLE_BAD_CONTENT_ENCODING, SLUICE_EPROTOCOL },
        { CURLE_SSL_CONNECT_ERROR, SLUICE_ETLS },
        { CURLE_PEER_FAILED_VERIFICATION, SLUICE_ETLS },
        { CURLE_SSL_CERTPROBLEM, SLUICE_ETLS },
        { CURLE_SSL_CIPHER, SLUICE_ETLS },
        { CURLE_SSL_CACERT_BADFILE, SLUICE_ETLS },
        { CURLE_SSL_CRL_BADFILE, SLUICE_ETLS },
        { CURLE_SSL_ISSUER_ERROR, SLUICE_ETLS },
        { CURLE_SSL_ENGINE_INITFAILED, SLUICE_ETLS },
        { CURLE_SSL_ENGINE_NOTFOUND, SLUICE_ETLS },
        { CURLE_SSL_ENGINE_SETFAILED, SLUICE_ETLS },
        { CURLE_SSL_INVALIDCERTSTATUS, SLUICE_ETLS },
        { CURLE_SSL_PINNEDPUBKEYNOTMATCH, SLUICE_ETLS },
        { CURLE_SSL_CLIENTCERT, SLUICE_ETLS },
        { CURLE_USE_SSL_FAILED, SLUICE_ETLS },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].from == code) {
            return rows[i].to;
        }
    }
    return words_map(words);
}

/* --- HTTP --- */

int slc_status_code_map(int status)
{
    static const struct {
        int status, code;
    } rows[] = { { 401, SLUICE_EAUTH },     { 403, SLUICE_EPERM },    { 404, SLUICE_ENOTFOUND },
                 { 410, SLUICE_ENOTFOUND }, { 408, SLUICE_ETIMEOUT }, { 429, SLUICE_ELIMIT } };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].code;
        }
    }
    return status >= 500 ? SLUICE_ESERVER : SLUICE_EINVALID;
}

bool slc_status_may_pass(int status)
{
    return status == 408 || status == 429 || status == 502 || status == 503 || status == 504 || status == 529;
}

/* True: a type or code, of the gateway or of an upstream's API, with which the same call fails again. */
bool slc_error_is_final(const char *word)
{
    static const char *const words[] = {
        "authentication_error",    "billing_error",      "content_filter",          "content_policy_violation",
        "context_length_exceeded", "insufficient_quota", "invalid_api_key",         "invalid_request",
        "invalid_request_error",   "model_not_found",    "not_found_error",         "permission_error",
        "provider_auth_failed",    "provider_billing",   "provider_content_filter", "provider_context_length",
        "provider_rejected",       "request_too_large",  "string_above_max_length", "unsupported_parameter",
        "unsupported_value",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (strcmp(words[i], word) == 0) {
            return true;
        }
    }
    uint64_t status;
    if (sl_parse_u64(sl_str_c(word), 400, 499, &status) == 0) {
        return !slc_status_may_pass((int)status);
    }
    return strncmp(word, "caller_", 7) == 0 && strcmp(word, "caller_timeout") != 0;
}

bool slc_error_value_is_final(const struct slc_doc *doc, struct sl_json_val error)
{
    const char *type = slc_doc_member(doc, error, "type");
    struct sl_json_val code = sl_json_get(error, "code");
    const char *word = sl_json_is(code, SL_JSON_STRING) || sl_json_is(code, SL_JSON_NUMBER)
                           ? slc_doc_text(doc, code, NULL)
                           : NULL;
    return (type && slc_error_is_final(type)) || (word && slc_error_is_final(word));
}

bool slc_error_body_is_final(const struct sl_alloc *alloc, struct sl_str body)
{
    struct slc_doc doc;
    if (slc_doc_parse(&doc, alloc, body, false) < 0) {
        return false; /* it says nothing, or nothing that can be read now */
    }
    bool is_final = slc_error_value_is_final(&doc, sl_json_get(sl_json_root(&doc.json), "error"));
    slc_doc_done(&doc, alloc);
    return is_final;
}

/* --- Retry-After --- */

/* RFC 9110 5.6.7: a date has three forms, all with a weekday in front and a time of day. curl_getdate reads them, and
 * also many texts that are no such date. */
static bool date_read(const char *text, time_t *ret)
{
    char first = text[0];
    bool is_date = ((first | 0x20) >= 'a' && (first | 0x20) <= 'z') && strchr(text, ':');
    time_t at = is_date ? curl_getdate(text, NULL) : -1;
    *ret = at;
    return at != -1;
}

int64_t slc_retry_after_msec(const char *value, int64_t wall_now)
{
    struct sl_str text = sl_str_trim(sl_str_c(value));
    int64_t max = INT32_MAX;
    size_t digits = text.n ? strspn(text.p, "0123456789") : 0;
    time_t at;
    if (digits && digits == text.n) {
        uint64_t seconds;
        return sl_parse_u64(text, 0, (uint64_t)max, &seconds) == 0 ? (int64_t)seconds * 1000 : max * 1000;
    }
    if (text.n == 0 || !date_read(text.p, &at)) {
        return -1;
    }
    int64_t wait = (int64_t)at - wall_now;
    return wait < 0 ? 0 : SL_MIN(wait, max) * 1000;
}
