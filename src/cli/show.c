/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a person's terminal. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* The length of the character that begins with `c`; 0: no character begins with it. */
static int length_of(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;
}

/* The character at `p`, of which `n` bytes are there: returns its length and *ret, 0 when more bytes are needed, or -1
 * when this is no UTF-8 (RFC 3629). */
static int decode(const unsigned char *p, size_t n, uint32_t *ret)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    int len = length_of(p[0]);
    if (len == 0) {
        return -1;
    }
    uint32_t c = len == 1 ? p[0] : p[0] & (0x7fu >> len);
    for (int i = 1; i < len; i++) {
        if ((size_t)i == n) {
            return 0;
        }
        if ((p[i] & 0xc0) != 0x80) {
            return -1;
        }
        c = c << 6 | (p[i] & 0x3fu);
    }
    *ret = c;
    return c < least[len] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff ? -1 : len;
}

/* True: it changes the writing direction (embeddings, overrides, isolates), so a name with it looks like another
 * name. */
static bool turns_direction(uint32_t c)
{
    return (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static void character_show(FILE *out, enum cli_show how, const unsigned char *p, int len, uint32_t c)
{
    bool is_space = c == '\n' || c == '\t' || c == '\r';
    if (how == CLI_SHOW_DATA && (c < 0x7f || c >= 0xa0)) {
        fwrite(p, 1, (size_t)len, out);
    } else if (is_space && how != CLI_SHOW_LINE && (c != '\r' || how == CLI_SHOW_JSON)) {
        putc(c == '\r' ? '\n' : (int)c, out); /* between JSON's values; a bare CR would overwrite the line */
    } else if (is_space || c == 0x2028 || c == 0x2029) {
        fputs(how == CLI_SHOW_JSON ? c == 0x2028 ? "\\u2028" : "\\u2029" : c == '\r' ? "?" : " ", out);
    } else if (c < 0x20 || (c >= 0x7f && c < 0xa0) || turns_direction(c)) {
        if (how >= CLI_SHOW_JSON && c >= 0x7f) {
            fprintf(out, "\\u%04x", (unsigned)c);
        } else {
            putc('?', out);
        }
    } else {
        fwrite(p, 1, (size_t)len, out);
    }
}

void cli_show(FILE *out, enum cli_show how, const char *text, size_t len, struct cli_cut *cut)
{
    const unsigned char *p = (const unsigned char *)text, *end = p + len;
    uint32_t c = 0;
    while (cut && cut->n && p < end) {
        cut->bytes[cut->n++] = *p;
        int n = decode(cut->bytes, (size_t)cut->n, &c);
        if (n > 0) {
            character_show(out, how, cut->bytes, n, c);
        }
        if (n < 0) {
            putc('?', out); /* the byte at `p` may begin another character */
        }
        p += n >= 0;
        cut->n = n ? 0 : cut->n;
    }
    while (p < end) {
        int n = decode(p, (size_t)(end - p), &c);
        if (n > 0) {
            character_show(out, how, p, n, c);
        } else if (n == 0 && cut) {
            cut->n = (int)(end - p);
            memcpy(cut->bytes, p, (size_t)cut->n);
            return;
        } else {
            putc(how == CLI_SHOW_DATA ? *p : '?', out);
        }
        p += n > 0 ? n : 1;
    }
}

static CLI_PRINTF(2, 0) void line_show(FILE *out, const char *fmt, va_list args)
{
    char *text = NULL;
    int n = vasprintf(&text, fmt, args);
    if (n < 0) {
        fputs("out of memory\n", out);
        return;
    }
    cli_show(out, CLI_SHOW_LINE, text, (size_t)n, NULL);
    putc('\n', out);
    free(text);
}

void cli_print(FILE *out, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    line_show(out, fmt, args);
    va_end(args);
}

static CLI_PRINTF(1, 0) void message(const char *fmt, va_list args)
{
    fflush(stdout); /* to keep the order in which texts were written */
    fputs("sluice: ", stderr);
    line_show(stderr, fmt, args);
}

int cli_fail(int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    message(fmt, args);
    va_end(args);
    return code;
}

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    message(fmt, args);
    va_end(args);
    fprintf(stderr, "try: sluice %s%s\n", command ? command : "help", command ? " --help" : "");
    return CLI_USAGE;
}

const char *cli_duration(int64_t msec, char out[32])
{
    static const struct {
        int64_t least, sec, rest;
        const char *unit, *below;
    } rows[] = { { 86400, 86400, 3600, "d", "h" }, { 3600, 3600, 60, "h", "min" }, { 120, 60, 1, "min", "s" } };
    long long sec = msec / 1000 + (msec % 1000 > 0);
    snprintf(out, 32, msec < 1000 ? "%lld ms" : "%lld s", msec < 1000 ? (long long)msec : sec);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (sec >= rows[i].least) {
            long long n = sec / rows[i].sec, rest = sec % rows[i].sec / rows[i].rest;
            snprintf(out, 32, rest ? "%lld %s %lld %s" : "%lld %s", n, rows[i].unit, rest, rows[i].below);
            break;
        }
    }
    return out;
}

int cli_flush(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "sluice: standard output cannot be written\n");
        return code ? code : CLI_LOCAL;
    }
    return code;
}
