/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <string.h>

static const char request[] =
    "{\"model\": \"chat\", \"temperature\": 0.2, \"max_tokens\": 1024, \"stream\": false, \"messages\": ["
    "{\"role\": \"system\", \"content\": \"You are the assistant of a library. Answer in the language of the question, "
    "in at "
    "most three sentences, and name the shelf where a book stands. When you do not know a book, say so: never invent a "
    "title, an author or a shelf mark.\\n\\nOpening hours: Monday to Friday 9:00\\u201318:00, Saturday "
    "10:00\\u201314:00.\"}, "
    "{\"role\": \"user\", \"content\": \"Do you have a book about the history of the letterpress? I have read \\\"The "
    "Printing Revolution\\\" already and liked it a lot.\"}, "
    "{\"role\": \"assistant\", \"content\": \"Yes: there are eleven of them on shelf 655.1, second floor. Since you "
    "liked that one, "
    "I would begin with a history of the workshops themselves.\\nShall I reserve one for you?\"}, "
    "{\"role\": \"user\", \"content\": \"Ja bitte, gerne auf Deutsch \xe2\x80\x93 f\xc3\xbcr n\xc3\xa4"
    "chsten Dienstag. Und gibt es etwas \xc3\xbc"
    "ber die Schriften von Garamond?\"}, "
    "{\"role\": \"assistant\", \"content\": \"Reserviert f\xc3\xbcr Dienstag, abzuholen an der Theke im "
    "Erdgeschoss.\\n\\n1. "
    "Zu Garamond stehen drei B\xc3\xbc"
    "cher auf Regal 686.22.\\n2. Eines davon ist nur im Lesesaal zu benutzen.\"}, "
    "{\"role\": \"user\", \"content\": [{\"type\": \"text\", \"text\": \"What is this typeface? The page is from a "
    "prayer book that "
    "my grandmother had; the paper is yellow, the ink is brown, and on the last page someone wrote the name of a town "
    "and "
    "a year that I cannot read. I would like to know how old it may be before I bring it to you.\"}, {\"type\": "
    "\"image_url\", "
    "\"image_url\": {\"url\": \"https://images.example.org/scans/2024/05/page-0017.jpg\", \"detail\": \"high\"}}]}, "
    "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"call_9f2c51\", \"type\": \"function\", "
    "\"function\": "
    "{\"name\": \"find_books\", \"arguments\": \"{\\\"query\\\": \\\"blackletter prayer book\\\", \\\"limit\\\": "
    "5}\"}}]}, "
    "{\"role\": \"tool\", \"tool_call_id\": \"call_9f2c51\", \"content\": \"[{\\\"title\\\": \\\"Blackletter\\\", "
    "\\\"shelf\\\": "
    "\\\"686.224\\\", \\\"year\\\": 1998}, {\\\"title\\\": \\\"Gebetb\xc3\xbc"
    "cher\\\", \\\"shelf\\\": \\\"264.1\\\", \\\"year\\\": 1961}]\"}], "
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"find_books\", \"description\": \"Finds books in "
    "the catalogue "
    "by words of the title, the author or the subject.\", \"parameters\": {\"type\": \"object\", \"properties\": "
    "{\"query\": "
    "{\"type\": \"string\", \"description\": \"words to look for\"}, \"limit\": {\"type\": \"integer\", \"minimum\": "
    "1, \"maximum\": 50}, "
    "\"language\": {\"type\": \"string\", \"enum\": [\"en\", \"de\", \"fr\", \"la\"]}}, \"required\": [\"query\"], "
    "\"additionalProperties\": false}}}], \"tool_choice\": \"auto\", \"top_p\": 1, \"user\": \"reader-20417\", "
    "\"stop\": [\"\\nReader:\", \"\\nDesk:\"], "
    "\"presence_penalty\": 0.0, \"frequency_penalty\": -0.25, \"seed\": 20240517, \"logit_bias\": {\"50256\": -100, "
    "\"198\": -1.5}, \"response_format\": {\"type\": \"json_schema\", \"json_schema\": {\"name\": \"answer\", "
    "\"strict\": true, \"schema\": {\"type\": \"object\", \"properties\": {\"text\": {\"type\": \"string\"}, "
    "\"shelf\": {\"type\": [\"string\", \"null\"]}}, \"required\": [\"text\", \"shelf\"], "
    "\"additionalProperties\": false}}}, \"metadata\": "
    "{\"desk\": \"2\", \"session\": \"5b0e7c1a-94d3\"}}";

size_t bench_json_request(char *out, size_t cap)
{
    if (sizeof(request) > cap) {
        return 0;
    }
    memcpy(out, request, sizeof(request));
    return sizeof(request) - 1;
}
