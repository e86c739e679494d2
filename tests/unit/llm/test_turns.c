/* SPDX-License-Identifier: Apache-2.0 */
/* Recognises the turns of one conversation by what stays the same in them, in each language. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "llm/core/turns.h"

static struct sl_turns read_at(const char *body, uint32_t record_depth)
{
    struct sl_json doc, spare;
    struct sl_turns turns;
    sl_json_init(&doc, NULL);
    sl_json_init(&spare, NULL);
    assert_int_equal(sl_json_parse_at(&doc, sl_str_c(body), record_depth), 0);
    sl_turns_read(sl_json_root(&doc), &spare, &turns);
    sl_json_done(&doc);
    sl_json_done(&spare);
    return turns;
}

/* A conversation begins short and becomes long, so its print must be the same whether its body is folded or not. */
static struct sl_turns read(const char *body)
{
    struct sl_turns folded = read_at(body, 1), recorded = read_at(body, 0);
    assert_true(folded.print == recorded.print);
    assert_int_equal(folded.has_history, recorded.has_history);
    return folded;
}

#define SYS  "{\"role\":\"system\",\"content\":\"Be brief.\"},"
#define HI   "{\"role\":\"user\",\"content\":\"hi\"}"
#define HEY  "{\"role\":\"assistant\",\"content\":\"hey\"}"
#define MORE ",{\"role\":\"user\",\"content\":\"more, [please] \\\"}\"}"

/* A first turn, and a later one of the same conversation. */
static const struct {
    const char *first, *later;
} same[] = {
    { "{\"messages\":[" HI "]}", "{\"messages\":[" HI "," HEY MORE "]}" },
    { "{\"messages\":[" SYS HI "]}", "{ \"messages\" : [ " SYS HI " , " HEY MORE " ] }" },
    { "{\"messages\":[" HI "]}",
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}]}," HEY "]}" },
    { "{\"system\":\"S\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"hi\",\"cache_"
      "control\":{"
      "\"type\":\"ephemeral\"}}]}]}",
      "{\"system\":\"S\",\"messages\":[" HI "," HEY MORE "]}" },
    { "{\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: "
      "cch=1\"},{\"type\":\"text\",\"text\":\"S\"}],"
      "\"messages\":[" HI "]}",
      "{\"system\":[{\"type\":\"text\",\"text\":\"x-anthropic-billing-header: "
      "cch=2\"},{\"type\":\"text\",\"text\":\"S\"}],"
      "\"messages\":[" HI "," HEY MORE "]}" },
    { "{\"instructions\":\"S\",\"input\":\"hi\"}",
      "{\"instructions\":\"S\",\"input\":[" HI ",{\"type\":\"reasoning\",\"summary\":[]}," HEY MORE "]}" },
    { "{\"contents\":[{\"parts\":[{\"text\":\"hi\"}]}],\"systemInstruction\":{\"parts\":[{\"text\":\"S\"}]}}",
      "{\"contents\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hi\"}]},{\"role\":\"model\",\"parts\":[]}],\"system_"
      "instruction\":{\"parts\":[{\"text\":\"S\"}]}}" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]}],\"system\":[{\"text\":\"S\"}]}",
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"hi\"}]},{\"role\":\"assistant\",\"content\":[]}],"
      "\"system\":[{\"text\":\"S\"}]}" },
    { "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1\"}}]}]}",
      "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1\"}}]}"
      "," HEY "]}" },
};

static void turns_of_one_conversation_are_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(same); i++) {
        struct sl_turns first = read(same[i].first), later = read(same[i].later);
        if (!first.print || first.print != later.print || first.has_history || !later.has_history) {
            fail_msg("case %zu: %llx %d, %llx %d", i, (unsigned long long)first.print, first.has_history,
                     (unsigned long long)later.print, later.has_history);
        }
    }
}

static void other_conversations_are_not(void **state)
{
    (void)state;
    static const char *const others[] = {
        "{\"messages\":[" HI "]}",
        "{\"messages\":[" SYS HI "]}",
        "{\"messages\":[{\"role\":\"user\",\"content\":\"hi!\"}]}",
        "{\"system\":\"S\",\"messages\":[" HI "]}",
        "{\"instructions\":\"T\",\"input\":\"hi\"}",
        "{\"instructions\":\"U\",\"input\":\"hi\"}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:1\"}}]}]"
        "}",
        "{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:2\"}}]}]"
        "}",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(others); i++) {
        for (size_t k = 0; k < i; k++) {
            assert_true(read(others[i]).print != read(others[k]).print);
        }
    }
}

static void a_key_of_the_cache_is_found(void **state)
{
    (void)state;
    struct sl_json doc;
    struct sl_turns turns;
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, SL_STR("{\"prompt_cache_key\":\"k\",\"messages\":[" HI "]}")), 0);
    sl_turns_read(sl_json_root(&doc), NULL, &turns);
    assert_true(sl_json_str_eq(turns.cache_key, SL_STR("k")));
    sl_json_done(&doc);
}

/* Of a long text its length and its ends count. */
static void long_texts_are_told_apart(void **state)
{
    (void)state;
    uint64_t prints[4];
    for (size_t i = 0; i < SL_ARRAY_LEN(prints); i++) {
        char body[2048];
        int n = snprintf(body, sizeof(body), "{\"messages\":[{\"role\":\"user\",\"content\":\"%c%0*d%c\"}]}",
                         i == 1 ? 'x' : 'a', i == 2 ? 999 : 1000, 0, i == 3 ? 'x' : 'b');
        assert_in_range(n, 1000, sizeof(body) - 1);
        prints[i] = read(body).print;
        assert_true(prints[i]);
        for (size_t k = 0; k < i; k++) {
            assert_true(prints[i] != prints[k]);
        }
    }
}

static void what_is_no_conversation_has_no_print(void **state)
{
    (void)state;
    static const char *const none[] = {
        "{}",
        "[]",
        "{\"messages\":[]}",
        "{\"messages\":{}}",
        "{\"messages\":[" SYS "1]}",
        "{\"prompt\":\"hi\"}",
        "{\"messages\":[1,\"a\",null]}",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(none); i++) {
        if (read(none[i]).print) {
            fail_msg("case %zu: %s", i, none[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_of_one_conversation_are_alike),  cmocka_unit_test(other_conversations_are_not),
        cmocka_unit_test(a_key_of_the_cache_is_found),          cmocka_unit_test(long_texts_are_told_apart),
        cmocka_unit_test(what_is_no_conversation_has_no_print),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
