// SPDX-License-Identifier: MIT
/* The line discipline against POSIX, chapter 11, and against Linux where POSIX leaves it open: editing and echo, special keys,
 * translation, modes and their changes. Typing is simulated byte by byte on the test's own thread; what needs two threads is in
 * test_tty_wait.c. */
#include "drivers/test/tty_world.h"

static struct host_random source;

/* ---- Lines ---------------------------------------------------------------------------------------- */

static void a_line_is_readable_when_it_is_ended(void **state)
{
    type("hello");
    expect_nothing_to_read();
    type("\r");
    expect_read("hello\n");
    expect_nothing_to_read();
    expect_sent("hello\r\n");
}

static void a_read_returns_one_line_at_most_and_the_rest_stays(void **state)
{
    char buffer[4];

    type("one\ntwo\n");
    assert_int_equal(read_some(buffer, 2, CHAR_NONBLOCK), 2);
    assert_memory_equal(buffer, "on", 2);
    expect_read("e\n");
    expect_read("two\n");
    assert_int_equal(read_some(buffer, 0, CHAR_NONBLOCK), 0);
}

static void a_long_line_is_read_in_one_piece(void **state)
{
    static char line[2000];

    local_flags(ABI_ECHO, 0);
    memset(line, 'x', sizeof(line) - 2);
    line[sizeof(line) - 2] = '\n';
    type(line);
    type("next\n");
    expect_read(line);
    expect_read("next\n");
    line[512] = '\0'; /* exactly one piece of the copy, and an end of file */
    type(line);
    type("\4next\n");
    expect_read(line);
    expect_read("next\n");
    line[511] = '\n';
    line[512] = '\0';
    type(line);
    type("next\n");
    expect_read(line);
    expect_read("next\n");
}

static void veol_ends_a_line_and_is_part_of_it(void **state)
{
    struct abi_termios termios = settings();

    termios.cc[ABI_VEOL] = ';';
    termios.cc[ABI_VEOL2] = ':';
    set(&termios);
    type("a;b:c\n");
    expect_read("a;");
    expect_read("b:");
    expect_read("c\n");
}

static void end_of_file_ends_a_read_without_being_read(void **state)
{
    char buffer[8];

    type("\4");
    assert_int_equal(read_some(buffer, 8, CHAR_NONBLOCK), 0);
    expect_nothing_to_read();
    type("abc\4");
    expect_read("abc");
    expect_nothing_to_read();
    type("abc\4\4");
    expect_read("abc");
    expect_read("");
    type("abc\4");
    assert_int_equal(read_some(buffer, 3, CHAR_NONBLOCK), 3); /* the end belongs to this read */
    expect_nothing_to_read();
    expect_sent("abcabcabc");
}

static void a_line_of_4095_bytes_can_be_ended_and_no_more_is_taken(void **state)
{
    static char text[4200];

    input_flags(0, ABI_IMAXBEL);
    local_flags(ABI_ECHO, 0);
    memset(text, 'y', 4100);
    type(text);
    expect_sent("\a\a\a\a\a");
    type("\n");
    text[4095] = '\n';
    text[4096] = '\0';
    expect_read(text);
    type("ok\n");
    expect_read("ok\n");
    text[4095] = '\0';
    type(text); /* a full line that is not ended can be killed */
    type("\25short\n");
    expect_read("short\n");
}

/* ---- Editing --------------------------------------------------------------------------------------- */

static void erase_takes_back_what_was_typed_and_shown(void **state)
{
    type("ab\177c\n");
    expect_read("ac\n");
    expect_sent("ab\b \bc\r\n");
    type("\177\177x\n"); /* nothing there to erase */
    expect_read("x\n");
    expect_sent("x\r\n");
}

static void erase_knows_how_wide_a_character_is(void **state)
{
    type("\303\244\177\n"); /* UTF-8: two bytes, one column */
    expect_read("\n");
    expect_sent("\303\244\b \b\r\n");
    type("\1\177\n"); /* a control character is shown as two */
    expect_read("\n");
    expect_sent("^A\b \b\b \b\r\n");
    type("ab\t\177c\n");
    expect_read("abc\n");
    expect_sent("ab\t\b \b\b \b\b \b\b \b\b \b\b \bc\r\n");
    input_flags(ABI_IUTF8, 0);
    type("\303\244\177\n"); /* without UTF-8 every byte is a character */
    expect_read("\303\n");
    expect_sent("\303\244\b \b\r\n");
}

static void a_tab_behind_a_prompt_is_erased_to_where_it_began(void **state)
{
    assert_int_equal(write_some("$ ", 2, 0), 2);
    type("\t\177\n");
    expect_read("\n");
    expect_sent("$ \t\b \b\b \b\b \b\b \b\b \b\b \b\r\n");
}

static void kill_empties_the_line_in_three_ways(void **state)
{
    type("abc\25d\n");
    expect_read("d\n");
    expect_sent("abc\b \b\b \b\b \bd\r\n");
    local_flags(ABI_ECHOKE, 0);
    type("abc\25d\n");
    expect_read("d\n");
    expect_sent("abc^U\r\nd\r\n");
    local_flags(ABI_ECHOKE | ABI_ECHOK, 0);
    type("abc\25d\n");
    expect_read("d\n");
    expect_sent("abc^Ud\r\n");
}

static void word_erase_takes_one_word_and_what_follows_it(void **state)
{
    type("one two_3  \27x\n");
    expect_read("one x\n");
    type("a/b\27\27\27\n");
    expect_read("\n");
    local_flags(ABI_IEXTEN, 0);
    type("a\27\n");
    expect_read("a\27\n");
}

static void without_echoe_erase_is_shown_as_itself(void **state)
{
    local_flags(ABI_ECHOE, 0);
    type("ab\177\n");
    expect_read("a\n");
    expect_sent("ab^?\r\n");
}

static void reprint_shows_the_line_again(void **state)
{
    type("ab\1\22c\177\n");
    expect_read("ab\1\n");
    expect_sent("ab^A^R\r\nab^Ac\b \b\r\n");
}

static void the_next_character_can_be_taken_literally(void **state)
{
    type("\26\3\26\4\26\177x\26\r\n");
    assert_int_equal(job.nr_signals, 0);
    expect_read("\3\4\177x\r\n");
    expect_sent("^\b^C^\b^D^\b^?x^\b^M\r\n");
}

/* ---- Echo ------------------------------------------------------------------------------------------- */

static void echo_can_be_off_and_newlines_shown_all_the_same(void **state)
{
    local_flags(ABI_ECHO, 0);
    type("secret\177\n");
    expect_read("secre\n");
    expect_sent("");
    local_flags(0, ABI_ECHONL);
    type("secret\n");
    expect_read("secret\n");
    expect_sent("\r\n");
}

static void control_characters_are_shown_raw_without_echoctl(void **state)
{
    local_flags(ABI_ECHOCTL, 0);
    type("\1\177\n");
    expect_read("\n");
    expect_sent("\1\r\n"); /* it took no column */
}

/* ---- Signals ------------------------------------------------------------------------------------------ */

static void special_keys_signal_the_foreground_group(void **state)
{
    type("abc\3");
    type("\34\32");
    assert_int_equal(job.nr_signals, 3);
    assert_int_equal(job.group, TEST_GROUP);
    assert_int_equal(job.signals[0], ABI_SIGINT);
    assert_int_equal(job.signals[1], ABI_SIGQUIT);
    assert_int_equal(job.signals[2], ABI_SIGTSTP);
    expect_sent("abc^C^\\^Z");
    type("\n");
    expect_read("\n"); /* what was typed before is gone */
}

static void signals_flush_whole_lines_too_unless_noflsh(void **state)
{
    type("line\nabc\3");
    expect_nothing_to_read();
    local_flags(0, ABI_NOFLSH);
    type("line\nabc\3d\n");
    expect_read("line\n");
    expect_read("abcd\n");
}

static void without_a_group_or_isig_nobody_is_signalled(void **state)
{
    tty_set_group(tty, 0);
    type("\3");
    assert_int_equal(job.nr_signals, 0);
    tty_set_group(tty, TEST_GROUP);
    local_flags(ABI_ISIG, 0);
    type("\3\n");
    assert_int_equal(job.nr_signals, 0);
    expect_read("\3\n");
}

/* ---- Translation ---------------------------------------------------------------------------------------- */

static void carriage_returns_and_newlines_are_translated(void **state)
{
    input_flags(ABI_ICRNL, 0);
    type("a\rb\n");
    expect_read("a\rb\n");
    input_flags(0, ABI_IGNCR);
    type("a\rb\n");
    expect_read("ab\n");
    input_flags(ABI_IGNCR, ABI_INLCR | ABI_ICRNL);
    type("a\nb\r");
    expect_read("a\rb\n");
    input_flags(ABI_INLCR, ABI_ISTRIP);
    type("\341\n");
    expect_read("a\n");
}

static void output_is_processed_as_the_flags_say(void **state)
{
    assert_int_equal(write_some("a\nb\r\n", 5, 0), 5);
    expect_sent("a\r\nb\r\r\n");
    output_flags(ABI_ONLCR, ABI_OCRNL);
    assert_int_equal(write_some("a\rb\n", 4, 0), 4);
    expect_sent("a\nb\n");
    output_flags(0, ABI_ONLCR);
    assert_int_equal(write_some("a\rb\n", 4, 0), 4);
    expect_sent("a\nb\r\n"); /* the newline made of the return stays one byte */
    output_flags(ABI_OCRNL, ABI_ONOCR);
    assert_int_equal(write_some("\rx\ry\r\r", 6, 0), 6);
    expect_sent("x\ry\r");
    output_flags(ABI_OPOST, 0);
    assert_int_equal(write_some("a\r\n", 3, 0), 3);
    expect_sent("a\r\n");
}

static void onlret_makes_a_newline_return_to_column_0(void **state)
{
    output_flags(ABI_ONLCR, ABI_ONLRET | ABI_ONOCR);
    assert_int_equal(write_some("x\n\r", 3, 0), 3);
    expect_sent("x\n"); /* the return at column 0 says nothing */
}

static void the_escape_byte_is_doubled_when_the_log_is_framed(void **state)
{
    klog_set_framed(true);
    assert_int_equal(write_some("a\20b", 3, 0), 3);
    type("\26\20\n");
    klog_set_framed(false);
    expect_read("\20\n");
    expect_sent("a\20\20b^\b^P\r\n");
    output_flags(ABI_OPOST, 0);
    klog_set_framed(true);
    assert_int_equal(write_some("\20", 1, 0), 1);
    klog_set_framed(false);
    expect_sent("\20\20");
}

/* ---- Raw reads that need no waiting ---------------------------------------------------------------------- */

static void raw_bytes_are_readable_at_once(void **state)
{
    raw(1, 0);
    type("a\4\3\177\25");
    expect_read("a\4\3\177\25");
    expect_sent("");
    assert_int_equal(job.nr_signals, 0);
}

static void a_raw_read_without_minimum_and_time_never_waits(void **state)
{
    char byte;

    raw(0, 0);
    assert_int_equal(read_some(&byte, 1, 0), 0);
    type("x");
    assert_int_equal(read_some(&byte, 1, 0), 1);
}

/* ---- Changing modes --------------------------------------------------------------------------------------- */

static void what_was_typed_before_a_change_of_mode_can_be_read_after(void **state)
{
    type("half");
    raw(1, 0);
    expect_read("half");
    type("raw");
    local_flags(0, ABI_ICANON | ABI_ECHO);
    expect_read("raw");
    type("line\n");
    expect_read("line\n");
}

static void a_flushing_change_forgets_input(void **state)
{
    struct abi_termios termios = settings();

    type("line\nhalf");
    assert_int_equal(command(ABI_TCSETSF, &termios), 0);
    expect_nothing_to_read();
    type("\n");
    expect_read("\n");
    type("again\n");
    assert_int_equal(command(ABI_TCFLSH, (void *)1), 0); /* output alone */
    expect_read("again\n");
    type("again\n");
    assert_int_equal(command(ABI_TCFLSH, (void *)2), 0);
    expect_nothing_to_read();
    assert_int_equal(command(ABI_TCFLSH, (void *)3), -EINVAL);
}

/* ---- The rest of the device -------------------------------------------------------------------------------- */

static void settings_come_back_as_they_were_set(void **state)
{
    struct abi_termios2 two;
    struct abi_termios termios = settings();

    assert_int_equal(termios.cc[ABI_VINTR], 3);
    termios.cc[ABI_VINTR] = 7;
    assert_int_equal(command(ABI_TCSETSW, &termios), 0);
    assert_int_equal(command(ABI_TCGETS2, &two), 0);
    assert_memory_equal(&two.base, &termios, sizeof(termios));
    assert_int_equal(two.ospeed, 38400);
    type("\7");
    assert_int_equal(job.signals[0], ABI_SIGINT);
    assert_int_equal(command(ABI_TCGETS, (void *)8), -EFAULT);
    assert_int_equal(command(ABI_TCSETS, (void *)8), -EFAULT);
    assert_int_equal(command(0x1234, NULL), -ENOTTY);
}

static void a_new_window_size_is_told_once(void **state)
{
    struct abi_winsize size = {.rows = 24, .columns = 80}, found;

    assert_int_equal(command(ABI_TIOCSWINSZ, &size), 0);
    assert_int_equal(job.nr_signals, 1);
    assert_int_equal(job.signals[0], ABI_SIGWINCH);
    assert_int_equal(command(ABI_TIOCSWINSZ, &size), 0);
    assert_int_equal(job.nr_signals, 1);
    assert_int_equal(command(ABI_TIOCGWINSZ, &found), 0);
    assert_memory_equal(&found, &size, sizeof(size));
    assert_int_equal(command(ABI_TIOCSWINSZ, (void *)8), -EFAULT);
}

static void the_number_of_readable_bytes_is_told(void **state)
{
    int32_t nr = -1;

    type("ab\nc");
    assert_int_equal(command(ABI_TIOCINQ, &nr), 0);
    assert_int_equal(nr, 3);
    assert_int_equal(command(ABI_TIOCOUTQ, &nr), 0);
    assert_int_equal(nr, 0);
}

static void poll_tells_what_would_not_wait(void **state)
{
    assert_int_equal(poll_now(), POLLOUT | POLLWRNORM);
    type("x");
    assert_int_equal(poll_now() & POLLIN, 0);
    type("\n");
    assert_int_equal(poll_now(), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
    expect_read("x\n");
    set_room(0);
    assert_int_equal(poll_now(), 0);
    set_room(1000);
    type("\23");
    assert_int_equal(poll_now(), 0);
    type("\21");
    assert_int_equal(poll_now(), POLLOUT | POLLWRNORM);
    raw(3, 0);
    type("ab");
    assert_int_equal(poll_now() & POLLIN, 0);
    type("c");
    assert_int_equal(poll_now() & POLLIN, POLLIN);
    expect_read("abc");
    type("\4"); /* in raw mode a byte like others */
    raw(1, 0);
    assert_int_equal(poll_now() & POLLIN, POLLIN);
}

static void writes_that_may_not_wait_take_what_there_is_room_for(void **state)
{
    set_room(10);
    assert_int_equal(write_some("abcdefghijkl", 12, CHAR_NONBLOCK),
                     7); /* room for a whole group is kept */
    assert_int_equal(write_some("abc", 3, CHAR_NONBLOCK), -EAGAIN);
    expect_sent("abcdefg");
    set_room(100);
    type("\23");
    assert_int_equal(write_some("abc", 3, CHAR_NONBLOCK), -EAGAIN);
    type("\21");
    assert_int_equal(write_some("abc", 3, CHAR_NONBLOCK), 3);
}

static void job_control_is_asked_and_obeyed(void **state)
{
    struct abi_termios termios = settings();
    char byte;

    type("x\n");
    job.answer = -ERESTARTSYS;
    assert_int_equal(read_some(&byte, 1, 0), -ERESTARTSYS);
    assert_int_equal(job.asked, TTY_READ);
    assert_int_equal(command(ABI_TCSETS, &termios), -ERESTARTSYS);
    assert_int_equal(job.asked, TTY_CHANGE);
    assert_int_equal(write_some("a", 1, 0), 1); /* background output is allowed… */
    job.answer = 0;
    local_flags(0, ABI_TOSTOP);
    job.answer = -EIO;
    assert_int_equal(write_some("a", 1, 0), -EIO); /* …unless TOSTOP forbids it */
    assert_int_equal(job.asked, TTY_WRITE);
    job.answer = 0;
    expect_read("x\n");
}

static void after_a_hangup_reads_end_and_writes_fail(void **state)
{
    char byte;

    tty_hangup(tty);
    assert_int_equal(job.nr_signals, 2);
    assert_int_equal(job.signals[0], ABI_SIGHUP);
    assert_int_equal(job.signals[1], ABI_SIGCONT);
    assert_int_equal(read_some(&byte, 1, 0), 0);
    assert_int_equal(write_some("a", 1, 0), -EIO);
    assert_int_equal(poll_now() & (POLLHUP | POLLIN), POLLHUP | POLLIN);
    expect_sent("");
}

static void a_bad_buffer_is_efault(void **state)
{
    static char bad[16];
    struct iter iter;

    host_user_declare(bad, sizeof(bad), HOST_USER_BAD);
    type("abc\n");
    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)bad), sizeof(bad));
    assert_int_equal(device->ops->read(device, NULL, &iter, CHAR_NONBLOCK), -EFAULT);
    iter_init_user(&iter, user_ptr((uint64_t)(uintptr_t)bad), sizeof(bad));
    assert_int_equal(device->ops->write(device, NULL, &iter, 0), -EFAULT);
    host_user_forget_all();
}

static void an_alias_is_the_same_terminal(void **state)
{
    struct char_device *alias;
    uint32_t number = device->dev_number + 1000;

    assert_int_equal(tty_register_alias(tty, "console", number), 0);
    alias = char_find_number(number);
    assert_non_null(alias);
    type("x\n");
    device = alias;
    expect_read("x\n");
    assert_int_equal(tty_register_alias(tty, "console", number), -EEXIST);
}

/* ---- Against a model ---------------------------------------------------------------------------------------- */

/* A line under editing, by character. */
struct model {
    unsigned nr;
    char characters[256][4];
};

/* What the screen shows of the row that the cursor is in. */
struct screen {
    char row[4096];
    unsigned column, len;
};

static void screen_byte(struct screen *screen, char byte)
{
    switch (byte) {
    case '\r': screen->column = 0; break;
    case '\n': screen->len = 0; break;
    case '\b': screen->column--; break;
    case '\t': do { screen->row[screen->column++] = ' ';
        } while (screen->column % 8 != 0);
        break;
    default:
        if (((uint8_t)byte & 0xc0) != 0x80) { /* one place for each character */
            screen->row[screen->column++] = ((uint8_t)byte & 0x80) != 0 ? '#' : byte;
        }
        break;
    }
    screen->len = screen->column > screen->len ? screen->column : screen->len;
}

static void model_show(const struct model *model, struct screen *screen)
{
    memset(screen, 0, sizeof(*screen));
    for (unsigned i = 0; i < model->nr; i++) {
        const char *text = model->characters[i];

        if ((uint8_t)text[0] < 32 && text[0] != '\t') {
            screen_byte(screen, '^');
            screen_byte(screen, (char)(text[0] ^ 0x40));
            continue;
        }
        for (; *text != '\0'; text++) {
            screen_byte(screen, *text);
        }
    }
}

static void trim(struct screen *screen)
{
    while (screen->len > 0 && screen->row[screen->len - 1] == ' ') {
        screen->len--;
    }
    screen->row[screen->len] = '\0';
}

static bool is_word(const char *text)
{
    return (*text >= 'a' && *text <= 'z') || (uint8_t)*text >= 0x80;
}

static void model_edit(struct model *model, char key)
{
    if (key == '\177') {
        model->nr -= model->nr != 0;
    } else if (key == '\25') {
        model->nr = 0;
    } else {
        while (model->nr != 0 && !is_word(model->characters[model->nr - 1])) {
            model->nr--;
        }
        while (model->nr != 0 && is_word(model->characters[model->nr - 1])) {
            model->nr--;
        }
    }
}

static void one_random_line(void)
{
    static const char *const keys[] = {
        "a",    "b",    "z",    " ",   "/",  "\t", "\1", "\303\244", "\342\202\254",
        "\177", "\177", "\177", "\25", "\27"};
    static struct model model;
    static struct screen expected, found;
    unsigned nr_keys = (unsigned)host_random_below(&source, 120);
    char line[1024] = "";

    model.nr = 0;
    memset(&found, 0, sizeof(found));
    wire.nr_sent = 0;
    for (unsigned i = 0; i < nr_keys; i++) {
        const char *key = keys[host_random_below(&source, array_size(keys))];

        if (*key == '\177' || *key == '\25' || *key == '\27') {
            model_edit(&model, *key);
        } else {
            strcpy(model.characters[model.nr++], key);
        }
        type(key);
    }
    for (size_t i = 0; i < wire.nr_sent; i++) {
        screen_byte(&found, wire.sent[i]);
    }
    model_show(&model, &expected);
    assert_int_equal(found.column, expected.column);
    trim(&found);
    trim(&expected);
    assert_string_equal(found.row, expected.row);
    for (unsigned i = 0; i < model.nr; i++) {
        strcat(line, model.characters[i]);
    }
    type("\n");
    strcat(line, "\n");
    expect_read(line);
}

static void random_typing_is_read_and_shown_as_the_model_says(void **state)
{
    for (unsigned i = 0; i < 3000; i++) {
        one_random_line();
        set_room(sizeof(wire.sent));
    }
}

static int start(void **state)
{
    host_random_init(&source);
    machine_start(64ul << 20);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh_tty)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_readable_when_it_is_ended),
        TEST(a_read_returns_one_line_at_most_and_the_rest_stays),
        TEST(a_long_line_is_read_in_one_piece),
        TEST(veol_ends_a_line_and_is_part_of_it),
        TEST(end_of_file_ends_a_read_without_being_read),
        TEST(a_line_of_4095_bytes_can_be_ended_and_no_more_is_taken),
        TEST(erase_takes_back_what_was_typed_and_shown),
        TEST(erase_knows_how_wide_a_character_is),
        TEST(a_tab_behind_a_prompt_is_erased_to_where_it_began),
        TEST(kill_empties_the_line_in_three_ways),
        TEST(word_erase_takes_one_word_and_what_follows_it),
        TEST(without_echoe_erase_is_shown_as_itself),
        TEST(reprint_shows_the_line_again),
        TEST(the_next_character_can_be_taken_literally),
        TEST(echo_can_be_off_and_newlines_shown_all_the_same),
        TEST(control_characters_are_shown_raw_without_echoctl),
        TEST(special_keys_signal_the_foreground_group),
        TEST(signals_flush_whole_lines_too_unless_noflsh),
        TEST(without_a_group_or_isig_nobody_is_signalled),
        TEST(carriage_returns_and_newlines_are_translated),
        TEST(output_is_processed_as_the_flags_say),
        TEST(onlret_makes_a_newline_return_to_column_0),
        TEST(the_escape_byte_is_doubled_when_the_log_is_framed),
        TEST(raw_bytes_are_readable_at_once),
        TEST(a_raw_read_without_minimum_and_time_never_waits),
        TEST(what_was_typed_before_a_change_of_mode_can_be_read_after),
        TEST(a_flushing_change_forgets_input),
        TEST(settings_come_back_as_they_were_set),
        TEST(a_new_window_size_is_told_once),
        TEST(the_number_of_readable_bytes_is_told),
        TEST(poll_tells_what_would_not_wait),
        TEST(writes_that_may_not_wait_take_what_there_is_room_for),
        TEST(job_control_is_asked_and_obeyed),
        TEST(after_a_hangup_reads_end_and_writes_fail),
        TEST(a_bad_buffer_is_efault),
        TEST(an_alias_is_the_same_terminal),
        TEST(random_typing_is_read_and_shown_as_the_model_says),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
