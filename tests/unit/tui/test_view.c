/* SPDX-License-Identifier: Apache-2.0
 *
 * tui/view: the picture of `zeus top` at several sizes, without a terminal.
 */
#include "test.h"

#include <string.h>

#include "tui/view.h"

static const struct view_row rows[] = {
    {"gpu0", "NVIDIA H100 PCIe", 1, 321700, 30600, 321700, 38, 350000, 100, 1676},
    {"gpu0 gpu.memory", "NVIDIA H100 PCIe", 0, 60800, 22500, 60800, VIEW_UNKNOWN, VIEW_UNKNOWN,
     VIEW_UNKNOWN, VIEW_UNKNOWN},
    {"cpu0 package-0", "package-0", 1, VIEW_UNKNOWN, VIEW_UNKNOWN, VIEW_UNKNOWN, VIEW_UNKNOWN,
     VIEW_UNKNOWN, VIEW_UNKNOWN, VIEW_UNKNOWN},
};

static struct view_state state_of(size_t row_count)
{
    return (struct view_state){.rows = rows,
                               .row_count = row_count,
                               .title = "zeus top",
                               .status = "q quit",
                               .time_s = 61,
                               .total_power_mw = 692100,
                               .total_band_mw = 51000,
                               .total_energy_mj = 36000000};
}

/* Every line fits, and there are as many as the screen has. */
static void check_size(const struct view_state *state, size_t width, size_t height)
{
    struct strbuf out;
    strbuf_init(&out, 1u << 20);
    (void)view_draw(state, width, height, &out);
    assert_int_equal(strbuf_status(&out), 0);
    size_t lines = 1;
    size_t column = 0;
    for (const char *p = strbuf_text(&out); *p; p++) {
        lines += *p == '\n';
        column = *p == '\n' ? 0 : column + (*p > '\x03');
        assert_true(column <= width);
    }
    assert_int_equal(lines, height);
    strbuf_done(&out);
}

static void it_fits_every_screen(void **unused)
{
    (void)unused;
    static const size_t sizes[][2] = {{80, 24}, {200, 50}, {40, 10}, {20, 5}, {132, 4}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (size_t n = 0; n <= 3; n++) {
            struct view_state state = state_of(n);
            check_size(&state, sizes[i][0], sizes[i][1]);
        }
    }
}

static void unknown_is_a_dash_and_never_zero(void **unused)
{
    (void)unused;
    struct strbuf out;
    strbuf_init(&out, 1u << 20);
    struct view_state state = state_of(3);
    (void)view_draw(&state, 80, 8, &out);
    const char *cpu = strstr(strbuf_text(&out), "cpu0 package-0");
    assert_non_null(cpu);
    assert_memory_equal(cpu, "cpu0 package-0           -                   -     -", 52);
    assert_non_null(strstr(strbuf_text(&out), "692.1 W +/-51.0   36.00 kJ in 61 s"));
    strbuf_done(&out);
}

static void it_scrolls_and_keeps_hostile_names_out(void **unused)
{
    (void)unused;
    struct strbuf out;
    strbuf_init(&out, 1u << 20);
    struct view_row many[40];
    for (size_t i = 0; i < 40; i++) {
        many[i] = rows[0];
    }
    many[39].label = "last\x1b[2J";
    struct view_state state = state_of(3);
    state.rows = many;
    state.row_count = 40;
    state.scroll = 1000;
    assert_int_equal(view_draw(&state, 120, 24, &out), 40 - 21);
    assert_non_null(strstr(strbuf_text(&out), "last?[2J"));
    assert_null(strchr(strbuf_text(&out), '\x1b'));
    strbuf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_fits_every_screen),
        cmocka_unit_test(unknown_is_a_dash_and_never_zero),
        cmocka_unit_test(it_scrolls_and_keeps_hostile_names_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
