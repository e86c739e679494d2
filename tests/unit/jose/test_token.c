/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of tokens: which are taken. The tokens were made once with keys that nobody has any more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "jose/token.h"

static const char keys[] =
    "{\"keys\":[7,{\"kty\":\"oct\",\"kid\":\"one\",\"k\":\"AAAA\"},{\"kid\":\"one\",\"use\":\"sig\",\"kty\":\"RSA\","
    "\"n\":\"3EDIsJli2LBIUnYNbZd7AHytG93xOmbYDTixhGqgyUHCS2VTha_6S8q9q-"
    "DDM9XTw1mEOgL3U7vbsjrkYJ0C8h62fohJgt7pSO4YbVGw79SAX45XFsSL48nCym9smpba0SRJNsOCrqOqd0TjY9Z3mv2uDcMF_"
    "htx6RLQjQcQquXuilaUTCcsUE3c0H8XvYfRNoyThFfxcN8lot_74xkRXZx_5XpiWSrSc0O8GKhCZcZyzJQ4vz58VBstTp828LnVE_"
    "PzFav7QUcrkNxIYZV8ZaAp_CukSWmz_4m3mcZRRcSrGJPANjd8xZnVigDg3ixShJTQn1LoDwKCU_A8W7J_2Q\",\"e\":\"AQAB\"},{\"kid\":"
    "\"ec\",\"use\":\"sig\",\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"SMINsY6jULieDPpjV9WecU54ujDFaMZE4DmZRR5NQ50\","
    "\"y\":\"rtyxgm5Foyl8dH2iirbXqtV1GUvz8eayTjMbHiT5E2Y\"},{\"kty\":\"OKP\"}]}";

static const struct {
    const char *token;
    int r;
    const char *words; /* of the refusal */
} cases[] = {
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0.dHIJhvvBTqi7NV8zn4w_"
      "zduUatoRyla2nmORGmU9NBBVT9rYxF7UaYUOzENCS9jTegjlIP8fGuuRrfoVs67qSNbtdAIUlwZc3Zw515tUlHO-SuOj_"
      "Loek5ZGKPPwJom2QTW56DOnEO2clxb1WMPHx_h_BmYjVYTawdQPl0uik7ZqefeFEpqyzkuGqES5AEZwCd6aI_tiux2-5IzEFehf0VE_"
      "D547Tg562iOy8ZIj24G2T3I5RwnWRMPbH4Z-IS1jvR6zcT2M-pJPHB-ZElaLQHsjfTxAB4x78HgTCrv1ux25XGmejqCqjs_hzFClk_"
      "X83DmLALmVmYYex_HmYLzv7w",
      0, NULL },
    { "eyJhbGciOiAiUFMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0."
      "V09llijVYFbVUZPmqgu3t9iGsut3MHpV-cpSaZqDJVYN9XX_"
      "pgc3PGmvlGcQC5IK2uOEJA6cl2yNvZFqMj1UvrxAwqYQunKKOYX25x3HfOxA7ZSfrmXbXcsFNfslrYCpH61yIGC1dNhWhp0dfISADDQSXii0jBfZ"
      "2uZWiT5UKZIBLX8L5JZXyb81kmzaFXHDOxlgxySGB8feRhsWhuEyo59ge6rr7AYdgfxcbF_"
      "N5F4QFEUqyUXxZxZGtCJKRQVjkt9AD6J2k7lVBsOYvunLjkPCahafqdpu52m0AMZJfsYBkOXNqiC_WaIBfOH7G6JVVJMNvLBc7248tBzMJc14yg",
      0, NULL },
    { "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAiZWMifQ.eyJzdWIiOiAiYW5uIn0.2AwtPw3cp2VftSfmcZvqI50DhTa-"
      "Gw4tFRHyBBe91lvJeAE3yWUC75-M8fOh1cgcoEr7nzq6YB8e63GWcsNHXQ",
      0, NULL },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uIn0.kn5XQobzUP8oUu8tm5eFRkC_"
      "Aj8T6AOa25wVymiytn4MtpHvSMmKcBgPYdfwNn_Ap3Iyr3CAo_fld9Mq1ojW5bkGfc5osGpDUJCa3O3TmGKtXNHhxs2vtY_W8F9T_"
      "afv4Eh2yZrC3O9kfZrUK7XdgixAdj6Tiq4StRFlNfsnwKwxYczuWlWDJ_CTNvhSxxARC4DHBPFbRyoBIqiLkefowUjA7q90J6BqdPu8gBOd-"
      "wxuaZFBqz2uxxMtbDse0au0KI3vkBCQb9lwRjc4YZHohMQKCsCku9DWROimR1H5bcPUt0jPH7A2A8jlZ5JCNGPZzcTckNq6hBug-0XyYtLV3Q",
      0, NULL },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAidHdvIn0.eyJzdWIiOiAiYW5uIn0.BfpeUbthHcOhlTAKuj_"
      "bGwWtmQe7ZIKfa-nZk25niqZLVyxV-DvB9Pm2953ABfE7zLUyEFrX1oIqx-99-kpR_t8KhJmWL9WZ0PnZU8izZnu1YhEUx_DqTRu_"
      "X5V9rKCOMik44bBJ_OpomK_pra2m35p6zpIf8zlRbV553eN_"
      "O9rBNUI1vpGtRJ100t6dMhufsYkehPDxT8zPT998VvF67IWfYLYcEDBu9wKkf2SEPEcxmGoTWQ0oen1I8eDmyUorrIGuc3PfAmqNu0-"
      "bQAgaUw8VKYvYmS-flINqwVVPdCyJxixBWAm3rVj06KATk6Q24EZ9Hycgg94WnIXKaqAloQ",
      SL_E_NOTFOUND, "\"two\" is not among" },
    { "eyJhbGciOiAiRVMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0."
      "KRV0eUFww3qCqOz4pbsbKfmtlzmuWWlX_yNtNESMYSFEBvXcvPFDZK6qm-8wC-mjB9s0zFoAQHgrvQf1TuQf0g",
      SL_E_NOTFOUND, "for ES256" },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0."
      "RG2HIsjgwg6cfkPfqngeqeYNX1Hpvd4InpcvERavjOzgfRK2kzGuaNlIw7xEuBvcHUojmLT2en0BdXGU7fuPpr0rHj5kDW8YhIYjHucUr5AtdSXb"
      "R2f7NxCBw7bMKfSO_aFM9RKaJfjuwsz9v-2Dml1jJZDvBBYqSnkK6OjAwSs3KeKcTspyHijKKZZYwHRVJd3MEQZopZfgPS1Eq08nWtgIAK-"
      "VPIv8rnIH6DtXeNoCQ5hToPtUKuKQHk3y5Nf1V9EEDbH5Z_"
      "2B3nQdzSS8xokdE3Pvp1lxWQsCSzcCRfnr9Cb8fNDQzZemBNo9xgMWOmYlWaPERywtbGCgq11CcQ",
      SL_E_INVAL, "signature is wrong" },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCJ9.eyJzdWIiOiAiYW5uIn0.NNIIaYsiJ7we3S5e-WFC7VaXEcEaefck1X-nazU9UY-7_"
      "m1d3AiS5IaBfkfjxbJIUrDw0w4xFe3a1ukBX7FwuUuCpWkLLyBhiCNHmXO3HUVmQkww0LKI-UKH8CiMbX-kV2-va5K_"
      "1VJW24gCtL9jFh4pPPCJPYykz6z6QybuM3YaamwvLvuxqeL7t83mPRAWUCRm5HyCMLjm4MaPkG8V2lwM2Vzhv7Fr6y8hN8YUs62UCINyu7tmjpkM"
      "2di9hbtp2MEAu36m8G9XIWhXMciBEoL72Ns1zH757ZbJzpcyIwflNwjG5mJSzUrZhwXp-BKsM6ZrkRe8NobURR2qUIy_dA",
      SL_E_INVAL, "signature is wrong" },
    { "eyJhbGciOiAiSFMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0.0ao2wRAohXntxdXTVlwH_"
      "GrFoSwgC5eN1jTbbKQ4vLs",
      SL_E_INVAL, "\"HS256\" is not taken" },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIiwgImNyaXQiOiBbImV4cCJdfQ.eyJzdWIiOiAiYW5uIn0."
      "JXlXySnI9-BPnHnuhzOb6yX57sdBZj4ubsvmmYac3o7zWfJ2yssY7mjuM2mK0p7QuPYbkMNOsDqhC56wWDKYe_"
      "RWMoO1vTA14fCfkdfOSLvWIu6XZX1Wx4Idu_hTKZTIh9r4lvW_6IuaBNMCtUQixyvHIB1E7Ns0KJcP5waV8Xdd2imZ_"
      "lkMmlMI5rTW16c8NIz3dXqSyWvayF2G-5mvooM0paw3XeXDXOFMzuCwwP2vTTu-"
      "LElSQwV33gSlxHoUA85zW8Azcx5dzU3Tw94qJ0UkXCVN8aTs8EhxLTC38MeHNN9uTlgMMTVy7i4oYSXy18EQgs98TjqyZBTYHF661Q",
      SL_E_INVAL, "crit" },
    { "eyJhbGciOiAibm9uZSIsICJ0eXAiOiAiSldUIn0.eyJzdWIiOiAiYW5uIn0.", SL_E_INVAL, "" },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiJib2IifQ.dHIJhvvBTqi7NV8zn4w_"
      "zduUatoRyla2nmORGmU9NBBVT9rYxF7UaYUOzENCS9jTegjlIP8fGuuRrfoVs67qSNbtdAIUlwZc3Zw515tUlHO-SuOj_"
      "Loek5ZGKPPwJom2QTW56DOnEO2clxb1WMPHx_h_BmYjVYTawdQPl0uik7ZqefeFEpqyzkuGqES5AEZwCd6aI_tiux2-5IzEFehf0VE_"
      "D547Tg562iOy8ZIj24G2T3I5RwnWRMPbH4Z-IS1jvR6zcT2M-pJPHB-ZElaLQHsjfTxAB4x78HgTCrv1ux25XGmejqCqjs_hzFClk_"
      "X83DmLALmVmYYex_HmYLzv7w",
      SL_E_INVAL, "signature is wrong" },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0.", SL_E_INVAL, "" },
    { "eyJhbGciOiAiUlMyNTYiLCAidHlwIjogIkpXVCIsICJraWQiOiAib25lIn0.eyJzdWIiOiAiYW5uIn0", SL_E_INVAL,
      "no signed token" },
    { "", SL_E_INVAL, "no signed token" },
    { "a.b.c", SL_E_INVAL, "no signed token" },
};

static void only_signatures_by_its_keys_are_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_err err = { 0 };
        struct sl_str claims = SL_STR_NONE;
        sl_arena_init(&arena, NULL);
        int r = sl_token_verify(sl_str_c(cases[i].token), sl_str_c(keys), &arena, &claims, &err);
        if (r != cases[i].r || (r < 0 && !strstr(err.text, cases[i].words))) {
            fail_msg("case %zu: %d %s", i, r, err.text);
        }
        assert_true(r < 0 ? claims.p == NULL : sl_str_eq_c(claims, "{\"sub\": \"ann\"}"));
        sl_arena_done(&arena);
    }
}

static void a_set_that_is_none_fits_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *keys;
        int r;
    } sets[] = {
        { "", SL_E_INVAL },
        { "{", SL_E_INVAL },
        { "[]", SL_E_INVAL },
        { "{}", SL_E_INVAL },
        { "{\"keys\":7}", SL_E_INVAL },
        { "{\"keys\":[]}", SL_E_NOTFOUND },
        { "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"one\"}]}", SL_E_INVAL }, /* without its numbers */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(sets); i++) {
        struct sl_arena arena;
        struct sl_err err = { 0 };
        struct sl_str claims;
        sl_arena_init(&arena, NULL);
        assert_int_equal(sl_token_verify(sl_str_c(cases[0].token), sl_str_c(sets[i].keys), &arena, &claims, &err),
                         sets[i].r);
        sl_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_signatures_by_its_keys_are_taken),
        cmocka_unit_test(a_set_that_is_none_fits_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
