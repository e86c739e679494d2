/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds every file of a directory to a fuzz target, once: the corpus as a test. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *dir, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        return;
    }
    /* In memory of exactly its size, so that a sanitizer sees a read of the first byte after it. */
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    uint8_t *data = malloc(n > 0 ? (size_t)n : 1);
    size_t got = data ? fread(data, 1, (size_t)n, f) : 0;
    fclose(f);
    LLVMFuzzerTestOneInput(data, got);
    free(data);
}

int main(int argc, char **argv)
{
    DIR *dir = argc > 1 ? opendir(argv[1]) : NULL;
    if (!dir) {
        printf("Bail out! no corpus\n");
        return 1;
    }
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] != '.') {
            replay(argv[1], e->d_name);
            printf("ok %u %s\n", ++n, e->d_name);
        }
    }
    closedir(dir);
    printf("1..%u\n", n);
    return n ? 0 : 1;
}
