// SPDX-License-Identifier: Apache-2.0
#include "request.h"

#include <new>
#include <simdjson.h>

struct bench_simd {
    simdjson::dom::parser parser;
};

struct bench_simd *bench_simd_new(void)
{
    return new (std::nothrow) bench_simd;
}

void bench_simd_free(struct bench_simd *simd)
{
    delete simd;
}

size_t bench_simd_padding(void)
{
    return simdjson::SIMDJSON_PADDING;
}

int bench_simd_parse(struct bench_simd *simd, const char *text, size_t len, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        simdjson::dom::element root;
        if (simd->parser.parse(text, len, false).get(root)) {
            return 0;
        }
    }
    return 1;
}

const char *bench_simd_name(void)
{
    static const std::string name = "simdjson " SIMDJSON_STRINGIFY(SIMDJSON_VERSION) " " + simdjson::get_active_implementation()->name();
    return name.c_str();
}
