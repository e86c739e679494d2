/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords of a JSON Schema, and which of them a provider takes. */
#ifndef SL_LLM_FORM_SCHEMA_RULES_H
#define SL_LLM_FORM_SCHEMA_RULES_H

#include "llm/form/rules.h"

/* X(symbol, word, kind, fate): the kind of its value (a schema, a map or a list of schemas, or a plain value), and what
 * happens to it when the provider does not take it. TELL: it is put into the description; LOSE: it is left out, because
 * it means nothing to a model. */
#define SL_SCHEMA_WORDS(X)                                           \
    X(TYPE, "type", VALUE, LOSE)                                     \
    X(DESCRIPTION, "description", VALUE, LOSE)                       \
    X(TITLE, "title", VALUE, LOSE)                                   \
    X(PROPERTIES, "properties", MAP, TELL)                           \
    X(REQUIRED, "required", VALUE, LOSE)                             \
    X(ITEMS, "items", SCHEMA, TELL)                                  \
    X(ADDITIONAL, "additionalProperties", SCHEMA, TELL)              \
    X(ANY_OF, "anyOf", LIST, TELL)                                   \
    X(ONE_OF, "oneOf", LIST, TELL)                                   \
    X(ALL_OF, "allOf", LIST, TELL)                                   \
    X(ENUM, "enum", VALUE, TELL)                                     \
    X(CONST, "const", VALUE, TELL)                                   \
    X(DEFAULT, "default", VALUE, TELL)                               \
    X(FORMAT, "format", VALUE, TELL)                                 \
    X(PATTERN, "pattern", VALUE, TELL)                               \
    X(NULLABLE, "nullable", VALUE, LOSE)                             \
    X(REF, "$ref", VALUE, LOSE)                                      \
    X(DEFS, "$defs", MAP, LOSE)                                      \
    X(DEFINITIONS, "definitions", MAP, LOSE)                         \
    X(MINIMUM, "minimum", VALUE, TELL)                               \
    X(MAXIMUM, "maximum", VALUE, TELL)                               \
    X(EX_MINIMUM, "exclusiveMinimum", VALUE, TELL)                   \
    X(EX_MAXIMUM, "exclusiveMaximum", VALUE, TELL)                   \
    X(MULTIPLE_OF, "multipleOf", VALUE, TELL)                        \
    X(MIN_LENGTH, "minLength", VALUE, TELL)                          \
    X(MAX_LENGTH, "maxLength", VALUE, TELL)                          \
    X(MIN_ITEMS, "minItems", VALUE, TELL)                            \
    X(MAX_ITEMS, "maxItems", VALUE, TELL)                            \
    X(UNIQUE_ITEMS, "uniqueItems", VALUE, TELL)                      \
    X(MIN_PROPERTIES, "minProperties", VALUE, TELL)                  \
    X(MAX_PROPERTIES, "maxProperties", VALUE, TELL)                  \
    X(PREFIX_ITEMS, "prefixItems", LIST, TELL)                       \
    X(PATTERN_PROPERTIES, "patternProperties", MAP, TELL)            \
    X(PROPERTY_NAMES, "propertyNames", SCHEMA, TELL)                 \
    X(CONTAINS, "contains", SCHEMA, TELL)                            \
    X(MIN_CONTAINS, "minContains", VALUE, TELL)                      \
    X(MAX_CONTAINS, "maxContains", VALUE, TELL)                      \
    X(NOT, "not", SCHEMA, TELL)                                      \
    X(IF, "if", SCHEMA, TELL)                                        \
    X(THEN, "then", SCHEMA, TELL)                                    \
    X(ELSE, "else", SCHEMA, TELL)                                    \
    X(DEPENDENT_REQUIRED, "dependentRequired", VALUE, TELL)          \
    X(DEPENDENT_SCHEMAS, "dependentSchemas", MAP, TELL)              \
    X(UNEVALUATED_PROPERTIES, "unevaluatedProperties", SCHEMA, LOSE) \
    X(UNEVALUATED_ITEMS, "unevaluatedItems", SCHEMA, LOSE)           \
    X(CONTENT_ENCODING, "contentEncoding", VALUE, TELL)              \
    X(CONTENT_TYPE, "contentMediaType", VALUE, TELL)                 \
    X(EXAMPLES, "examples", VALUE, TELL)                             \
    X(EXAMPLE, "example", VALUE, TELL)                               \
    X(ORDERING, "propertyOrdering", VALUE, LOSE)                     \
    X(SCHEMA_ID, "$schema", VALUE, LOSE)                             \
    X(ID, "$id", VALUE, LOSE)                                        \
    X(COMMENT, "$comment", VALUE, LOSE)

enum sl_schema_word {
#define X(symbol, word, kind, fate) SL_SCHEMA_AT_##symbol,
    SL_SCHEMA_WORDS(X)
#undef X
        SL_SCHEMA_WORD_COUNT
};
#define SL_SCHEMA_BIT(symbol) (UINT64_C(1) << SL_SCHEMA_AT_##symbol)

/* The keywords of every subset. */
#define SL_SCHEMA_CORE                                                                                        \
    (SL_SCHEMA_BIT(TYPE) | SL_SCHEMA_BIT(DESCRIPTION) | SL_SCHEMA_BIT(PROPERTIES) | SL_SCHEMA_BIT(REQUIRED) | \
     SL_SCHEMA_BIT(ITEMS) | SL_SCHEMA_BIT(ENUM))
#define SL_SCHEMA_ALL UINT64_MAX

struct sl_schema_rules {
    uint64_t takes;             /* SL_SCHEMA_BIT; references are replaced by what they refer to when REF is not taken */
    bool needs_object;          /* the root must be an object without anyOf, oneOf, allOf and $ref */
    bool is_shallow;            /* only the root is changed; schemas below it stay as they are */
    bool closes;                /* objects get additionalProperties: false */
    bool needs_type;            /* a missing type is added */
    bool no_recursion;          /* a schema that contains itself is refused */
    bool has_nullable;          /* null is a member `nullable`, not a type */
    bool is_upper;              /* types are written in capitals */
    bool has_string_enums;      /* enums may have only strings */
    bool has_simple_patterns;   /* patterns have no look-around, back references and word boundaries */
    const char *const *formats; /* the formats that are taken, if FORMAT is; ends with NULL. NULL: all */
    int64_t min_items_max;      /* minItems up to this number, when the keyword is not taken in general */
    const char *any;            /* the members of a schema that says nothing, for needs_type: "\"type\":\"string\"" */
};

#endif
