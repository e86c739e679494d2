/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon's event stream: published frames, whole and split at every byte, and wrong frames. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "wire/aws_event.h"

#define FOO "7b27666f6f273a27626172277d" /* {'foo':'bar'} */

static const struct {
    const char *hex;
    int want;
    const char *said; /* message type|type|error|payload of each frame */
} cases[] = {
    { "000000100000000005c248eb7d98c8ff", 0, "|||;" },
    { "0000001d00000000fd528c5a" FOO "c3653936", 0, "|||{'foo':'bar'};" },
    { "0000003d0000002007fd83960c636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f6e" FOO "8d9c08b1", 0,
      "|||{'foo':'bar'};" },
    { "000000620000005203b5cb9c0130000131010132020201330300030134040000000401350500000000000000050136060005627974657301"
      "37"
      "0700047574663801380800000000000000080139093031323334353637383961626364656663353671",
      0, "|||;" },
    { "0000005200000042bf23637e0d3a6d6573736167652d747970650700056572726f720b3a6572726f722d636f6465070004636f64650e3a65"
      "72"
      "726f722d6d6573736167650700076d6573736167656b6cea3d",
      0, "error|code|message|;" },
    { "0000009400000057b4ab9aee0b3a6576656e742d74797065070011636f6e74656e74426c6f636b44656c74610d3a636f6e74656e742d7479"
      "70"
      "650700106170706c69636174696f6e2f6a736f6e0d3a6d6573736167652d747970650700056576656e747b22636f6e74656e74426c6f636b"
      "49"
      "6e646578223a302c2264656c7461223a7b2274657874223a224869227d7d1f944657",
      0, "event|contentBlockDelta||{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}};" },
    { "000000100000000005c248eb7d98c8ff0000001d00000000fd528c5a" FOO "c3653936", 0, "|||;|||{'foo':'bar'};" },
    { "000000100000000005c248eb7d98c8ff0000001d00000000fd52", SL_E_TRUNCATED, "|||;" },
    { "0100001d00000000fd528c5a", SL_E_INVAL, "" },
    { "0100001d00000000fd528c5a" FOO "c3653936", SL_E_INVAL, "" },                    /* a changed length */
    { "0000001d00000000fd528c5a7b27666f6f273a27626172278dc3653936", SL_E_INVAL, "" }, /* a changed payload */
    { "00000024000000144bb982d00474657374046173646604746573740461736466f3f47563", SL_E_INVAL, "" }, /* a name twice */
};

static int note(void *arg, const struct sl_aws_event *event)
{
    struct sl_buf *out = arg;
    struct sl_str parts[] = { event->message_type, event->type, event->error, event->payload };
    for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
        sl_buf_add_str(out, parts[i]);
        sl_buf_add_char(out, i + 1 < SL_ARRAY_LEN(parts) ? '|' : ';');
    }
    return 0;
}

static size_t unhex(const char *hex, char *out)
{
    size_t n = strlen(hex) / 2;
    for (size_t i = 0; i < n; i++) {
        unsigned v;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
        out[i] = (char)v;
    }
    return n;
}

static void test_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char bytes[512];
        size_t n = unhex(cases[i].hex, bytes);
        for (size_t piece = 1; piece <= n; piece++) {
            struct sl_buf out = SL_BUF_INIT(4096);
            struct sl_aws_decoder dec;
            sl_aws_decoder_init(&dec, note, &out);
            int r = 0;
            for (size_t at = 0; at < n && r == 0; at += piece) {
                size_t len = SL_MIN(piece, n - at);
                char *copy = malloc(len); /* exactly that long: a sanitizer sees a read past the end */
                memcpy(copy, bytes + at, len);
                r = sl_aws_push(&dec, sl_str_make(copy, len));
                free(copy);
            }
            r = r < 0 ? r : sl_aws_finish(&dec);
            sl_buf_add_char(&out, '\0');
            if (r != cases[i].want || strcmp(out.p, cases[i].said) != 0) {
                fail_msg("case %zu in pieces of %zu: %s, %s", i, piece, sl_err_name(r), out.p);
            }
            sl_aws_decoder_done(&dec);
            sl_buf_done(&out);
        }
    }
}

/* The published frame of a piece "Hi", and an exception behind other bytes. */
static void test_written_frames(void **state)
{
    (void)state;
    char bytes[512];
    size_t n = unhex(cases[5].hex, bytes);
    struct sl_buf out = SL_BUF_INIT(4096), said = SL_BUF_INIT(4096);
    size_t at = sl_aws_frame_begin(&out, "event", "contentBlockDelta");
    sl_buf_add_c(&out, "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"Hi\"}}");
    sl_aws_frame_end(&out, at);
    assert_int_equal(out.len, n);
    assert_memory_equal(out.p, bytes, n);
    at = sl_aws_frame_begin(&out, "exception", "throttlingException");
    sl_buf_add_c(&out, "{\"message\":\"a key\"}");
    sl_aws_frame_end(&out, at);
    struct sl_aws_decoder dec;
    sl_aws_decoder_init(&dec, note, &said);
    assert_int_equal(sl_aws_push(&dec, sl_buf_str(&out)), 0);
    assert_int_equal(sl_aws_finish(&dec), 0);
    sl_buf_add_char(&said, '\0');
    assert_string_equal(strchr(said.p, ';') + 1, "exception|throttlingException||{\"message\":\"a key\"};");
    /* After a change in place, the frame is valid again when it is sealed. */
    struct sl_aws_event event;
    struct sl_str frame = sl_str_sub(sl_buf_str(&out), at, out.len);
    out.p[out.len - 7] = '*';
    assert_int_equal(sl_aws_frame_read(frame, &event), SL_E_INVAL);
    sl_aws_frame_seal(out.p + at, out.len - at);
    assert_int_equal(sl_aws_frame_read(frame, &event), 0);
    assert_int_equal(event.payload.p[event.payload.n - 3], '*');
    sl_aws_decoder_done(&dec);
    sl_buf_done(&out);
    sl_buf_done(&said);
}

/* A payload that is larger than the protocol allows is refused, and so is a full buffer. */
static void test_frames_that_are_too_large(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(SL_AWS_PAYLOAD_MAX + 4096), small = SL_BUF_INIT(40);
    size_t at = sl_aws_frame_begin(&out, "event", "e");
    assert_int_equal(sl_buf_reserve(&out, SL_AWS_PAYLOAD_MAX + 1), 0);
    memset(out.p + out.len, ' ', SL_AWS_PAYLOAD_MAX + 1);
    out.len += SL_AWS_PAYLOAD_MAX + 1;
    sl_aws_frame_end(&out, at);
    assert_int_equal(sl_buf_status(&out), SL_E_LIMIT);
    sl_aws_frame_end(&small, sl_aws_frame_begin(&small, "event", "e"));
    assert_int_equal(sl_buf_status(&small), SL_E_LIMIT);
    sl_buf_done(&out);
    sl_buf_done(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_frames), cmocka_unit_test(test_written_frames),
                                        cmocka_unit_test(test_frames_that_are_too_large) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
