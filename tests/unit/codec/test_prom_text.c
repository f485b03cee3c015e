/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/prom_text: both formats byte by byte, what is refused, and content negotiation.
 */
#include "test.h"

#include <math.h>
#include <string.h>

#include <zeus/error.h>

#include "base/macro.h"
#include "codec/prom_text.h"

static const struct prom_family energy = {"zeus_energy_joules", PROM_COUNTER, "joules",
                                          "Energy \"since\" then.\nSecond line \\ here."};
static const struct prom_family info = {"zeus_device", PROM_INFO, "", "Who a device is."};
static const struct prom_family gauge = {"zeus_things", PROM_GAUGE, "", "Things."};

static void write_all(struct prom_writer *w)
{
    const struct prom_label labels[] = {{"device", "gpu0"}, {"name", "a\"b\\c\nd\xff"}};
    prom_family_begin(w, &energy);
    prom_sample_micro(w, labels, 1, UINT64_C(18446744073709551615));
    prom_sample_micro(w, labels, 2, 1);
    prom_family_begin(w, &info);
    prom_sample(w, labels, 1, 1);
    prom_family_begin(w, &gauge);
    prom_sample(w, NULL, 0, 0.25);
    prom_sample(w, labels, 1, 3);
    prom_sample(w, labels + 1, 1, (double)NAN);
}

static void both_formats(void **state)
{
    (void)state;
    static const char *const expected[] = {
        [PROM_OPENMETRICS] =
            "# HELP zeus_energy_joules Energy \\\"since\\\" then.\\nSecond line \\\\ "
            "here.\n"
            "# TYPE zeus_energy_joules counter\n"
            "# UNIT zeus_energy_joules joules\n"
            "zeus_energy_joules_total{device=\"gpu0\"} 18446744073709.551615\n"
            "zeus_energy_joules_total{device=\"gpu0\",name=\"a\\\"b\\\\c\\nd"
            "\xef\xbf\xbd\"} 0.000001\n"
            "# HELP zeus_device Who a device is.\n"
            "# TYPE zeus_device info\n"
            "zeus_device_info{device=\"gpu0\"} 1\n"
            "# HELP zeus_things Things.\n"
            "# TYPE zeus_things gauge\n"
            "zeus_things 0.25\n"
            "zeus_things{device=\"gpu0\"} 3\n"
            "zeus_things{name=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} NaN\n"
            "# EOF\n",
        [PROM_CLASSIC] = "# HELP zeus_energy_joules_total Energy \"since\" then.\\nSecond line "
                         "\\\\ here.\n"
                         "# TYPE zeus_energy_joules_total counter\n"
                         "zeus_energy_joules_total{device=\"gpu0\"} 18446744073709.551615\n"
                         "zeus_energy_joules_total{device=\"gpu0\",name=\"a\\\"b\\\\c\\nd"
                         "\xef\xbf\xbd\"} 0.000001\n"
                         "# HELP zeus_device_info Who a device is.\n"
                         "# TYPE zeus_device_info gauge\n"
                         "zeus_device_info{device=\"gpu0\"} 1\n"
                         "# HELP zeus_things Things.\n"
                         "# TYPE zeus_things gauge\n"
                         "zeus_things 0.25\n"
                         "zeus_things{device=\"gpu0\"} 3\n"
                         "zeus_things{name=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} NaN\n",
    };
    for (size_t f = 0; f < ARRAY_LEN(expected); f++) {
        struct strbuf out;
        struct prom_writer w;
        strbuf_init(&out, 1u << 16);
        prom_init(&w, &out, (enum prom_format)f);
        write_all(&w);
        assert_int_equal(prom_finish(&w), 0);
        assert_string_equal(strbuf_text(&out), expected[f]);
        strbuf_done(&out);
    }
}

/* Each makes one mistake. */
static void family_twice(struct prom_writer *w)
{
    prom_family_begin(w, &gauge);
    prom_family_begin(w, &info);
    prom_family_begin(w, &gauge);
}
static void sample_twice(struct prom_writer *w)
{
    const struct prom_label label = {"device", "gpu0"};
    prom_family_begin(w, &gauge);
    prom_sample(w, &label, 1, 1);
    prom_sample(w, &label, 1, 2);
}
static void label_twice(struct prom_writer *w)
{
    const struct prom_label labels[] = {{"device", "gpu0"}, {"device", "gpu1"}};
    prom_family_begin(w, &gauge);
    prom_sample(w, labels, 2, 1);
}
static void no_family(struct prom_writer *w)
{
    prom_sample(w, NULL, 0, 1);
}
static void falling_below(struct prom_writer *w)
{
    prom_family_begin(w, &energy);
    prom_sample(w, NULL, 0, -1);
}
static void no_number(struct prom_writer *w)
{
    prom_family_begin(w, &energy);
    prom_sample(w, NULL, 0, (double)NAN);
}
static void begin_bad(struct prom_writer *w, const char *name, enum prom_type type,
                      const char *unit, const char *help)
{
    static struct prom_family family;
    family = (struct prom_family){name, type, unit, help};
    prom_family_begin(w, &family);
}
static void foreign_unit(struct prom_writer *w)
{
    begin_bad(w, "zeus_power", PROM_GAUGE, "watts", "Power.");
}
static void unit_without_name(struct prom_writer *w)
{
    begin_bad(w, "_watts", PROM_GAUGE, "watts", "Power.");
}
static void suffix_given(struct prom_writer *w)
{
    begin_bad(w, "zeus_reads_total", PROM_COUNTER, "", "Reads.");
}
static void bad_name(struct prom_writer *w)
{
    begin_bad(w, "0zeus", PROM_GAUGE, "", "Power.");
}
static void no_help(struct prom_writer *w)
{
    begin_bad(w, "zeus_power_watts", PROM_GAUGE, "watts", "");
}
static void bad_label(struct prom_writer *w)
{
    const struct prom_label label = {"de-vice", "gpu0"};
    prom_family_begin(w, &gauge);
    prom_sample(w, &label, 1, 1);
}

static void mistakes_fail(void **state)
{
    (void)state;
    static void (*const mistakes[])(struct prom_writer *) = {
        family_twice, sample_twice,      label_twice,  no_family, falling_below, no_number,
        foreign_unit, unit_without_name, suffix_given, bad_name,  no_help,       bad_label,
    };
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        struct strbuf out;
        struct prom_writer w;
        strbuf_init(&out, 1u << 16);
        prom_init(&w, &out, PROM_OPENMETRICS);
        mistakes[i](&w);
        assert_int_equal(prom_finish(&w), ZEUS_ESTATE);
        strbuf_done(&out);
    }
    struct strbuf small;
    struct prom_writer w;
    strbuf_init(&small, 20);
    prom_init(&w, &small, PROM_OPENMETRICS);
    prom_family_begin(&w, &gauge);
    assert_int_equal(prom_finish(&w), ZEUS_ELIMIT);
    strbuf_done(&small);
}

static void negotiation(void **state)
{
    (void)state;
    static const struct {
        const char *accept;
        enum prom_format format;
    } cases[] = {
        {NULL, PROM_CLASSIC},
        {"", PROM_CLASSIC},
        {"*/*", PROM_CLASSIC},
        {"text/html,application/xhtml+xml", PROM_CLASSIC},
        {"application/openmetrics-text", PROM_OPENMETRICS},
        {"Application/OpenMetrics-Text; version=1.0.0 ; Q=0.1", PROM_OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
         "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.1",
         PROM_OPENMETRICS},
        {"text/plain;q=0.9, application/openmetrics-text;q=0.5", PROM_CLASSIC},
        {"application/openmetrics-text;q=0", PROM_CLASSIC},
        {"application/openmetrics-text;q=0.000", PROM_CLASSIC},
        {"application/openmetrics-textual", PROM_CLASSIC},
        {"application/openmetrics", PROM_CLASSIC},
        {" , ,application/openmetrics-text ;q=x", PROM_OPENMETRICS},
        {"application/vnd.google.protobuf;q=1,application/openmetrics-text;q=0.7,text/plain;q=0.7",
         PROM_OPENMETRICS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(prom_negotiate(cases[i].accept), cases[i].format);
    }
    assert_non_null(strstr(prom_content_type(PROM_OPENMETRICS), "openmetrics-text; version=1.0.0"));
    assert_non_null(strstr(prom_content_type(PROM_CLASSIC), "text/plain; version=0.0.4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_formats),
        cmocka_unit_test(mistakes_fail),
        cmocka_unit_test(negotiation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
