"""Which cookies go where, and what of an answer's is kept."""

from __future__ import annotations

import threading
from http.cookiejar import CookieJar

import httpxr
import pytest

from reconnecting_sse.exchange.cookies import Cookies

HOME = httpxr.URL("http://feed.test/events")


def sent_to(url, cookies, own=(), *, is_trusted=True):
    fields = [(b"Cookie", value) for value in own]
    return cookies.header(httpxr.URL(url), fields, is_trusted=is_trusted)


def stored(*set_cookies, url="http://feed.test/a/b"):
    """The cookies of a jar that has heard ``Set-Cookie`` from ``url``."""
    cookies = Cookies(CookieJar(), None, HOME)
    fields = [("Set-Cookie", value) for value in set_cookies]
    cookies.store(httpxr.Response(200, headers=fields), httpxr.URL(url))
    return cookies


def client_cookies(**options):
    jar = httpxr.Cookies()
    jar.set("a", "1", **options)
    return Cookies(jar.jar, None, HOME)


def test_without_cookies_there_is_no_header():
    assert sent_to(HOME, Cookies(CookieJar(), {}, HOME)) is None


@pytest.mark.parametrize(
    "given", [{"a": "1"}, [("a", "1")], httpxr.Cookies({"a": "1"})], ids=type
)
def test_the_callers_cookies_come_in_any_form(given):
    assert sent_to(HOME, Cookies(CookieJar(), given, HOME)) == "a=1"


def test_the_callers_own_header_comes_first_and_is_one_with_the_rest():
    cookies = Cookies(CookieJar(), {"a": "1"}, HOME)
    header = sent_to(HOME, cookies, [b"x=1; y=2", "z=é".encode(), b"l=\xe9"])
    assert header == "x=1; y=2; z=é; l=é; a=1"


def test_the_requests_cookie_replaces_the_clients_of_that_name():
    jar = httpxr.Cookies({"a": "1", "b": "2"})
    assert sent_to(HOME, Cookies(jar.jar, {"a": "3"}, HOME)) in (
        "a=3; b=2",
        "b=2; a=3",
    )
    assert dict(jar) == {"a": "1", "b": "2"}


@pytest.mark.parametrize(
    "home",
    [
        "http://feed.test/",
        "http://localhost:1/",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://ünïcode.test/",
        "http://me:hush@feed.test/",
    ],
)
def test_a_cookie_without_domain_belongs_to_the_home_origin(home):
    cookies = Cookies(httpxr.Cookies({"a": "1"}).jar, {"b": "2"}, httpxr.URL(home))
    assert sent_to(home, cookies) == "a=1; b=2"
    assert sent_to(home, cookies, is_trusted=False) is None
    assert sent_to("http://sub.feed.test/", cookies) is None
    assert sent_to("http://other.test/", cookies) is None


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("http://feed.test/", True),
        ("https://feed.test:8443/", True),
        ("http://sub.feed.test/", False),
        ("http://test/", False),
        ("http://notfeed.test/", False),
    ],
)
def test_a_hosts_own_cookie_goes_to_that_host_only(url, is_sent):
    expected = "s=1" if is_sent else None
    assert sent_to(url, stored("s=1; Path=/"), is_trusted=False) == expected
    assert sent_to(url, client_cookies(domain="feed.test")) == (
        "a=1" if is_sent else None
    )


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("http://feed.test/", True),
        ("http://sub.feed.test/", True),
        ("http://notfeed.test/", False),
        ("http://test/", False),
    ],
)
def test_a_domains_cookie_goes_to_its_subdomains_too(url, is_sent):
    cookies = stored("s=1; Path=/; Domain=feed.test")
    assert sent_to(url, cookies, is_trusted=False) == ("s=1" if is_sent else None)
    by_client = client_cookies(domain=".feed.test")
    assert sent_to(url, by_client) == ("a=1" if is_sent else None)


@pytest.mark.parametrize(
    ("path", "is_sent"),
    [("/a", True), ("/a/", True), ("/a/x?q", True), ("/ab", False), ("/", False)],
)
def test_a_cookie_goes_to_its_path_and_below(path, is_sent):
    url = f"http://feed.test{path}"
    assert sent_to(url, stored("s=1; Path=/a")) == ("s=1" if is_sent else None)
    by_client = client_cookies(domain="feed.test", path="/a")
    assert sent_to(url, by_client) == ("a=1" if is_sent else None)


def test_a_secure_cookie_goes_over_https_only():
    cookies = stored("s=1; Path=/; Secure", url="https://feed.test/")
    assert sent_to("http://feed.test/", cookies) is None
    assert sent_to("https://feed.test/", cookies) == "s=1"


def test_a_cookie_for_another_domain_is_not_kept():
    cookies = stored("s=1; Path=/; Domain=other.test")
    assert sent_to("http://other.test/", cookies) is None


def test_several_cookies_of_one_answer_are_kept_and_an_expired_one_is_dropped():
    cookies = stored("a=1; Path=/", "b=2; Path=/", "a=; Path=/; Max-Age=0")
    assert sent_to(HOME, cookies) == "b=2"


def test_a_cookies_utf8_comes_back_as_it_was():
    cookies = stored(b"s=caf\xc3\xa9; Path=/".decode("latin-1"))
    assert sent_to(HOME, cookies).encode() == "s=cafÃ©".encode()
    jar = CookieJar()
    cookies = Cookies(jar, None, HOME)
    cookies.store(httpxr.Response(200, headers=[("Set-Cookie", "s=café")]), HOME)
    assert sent_to(HOME, cookies) == "s=café"
    assert [cookie.value for cookie in jar] == ["café"]


def test_an_answer_without_cookies_leaves_the_jar_alone():
    class Untouchable(CookieJar):
        def extract_cookies(self, *_):
            raise AssertionError("there is nothing to extract")

    cookies = Cookies(Untouchable(), None, HOME)
    cookies.store(httpxr.Response(200, headers=[("X", "1")]), HOME)


def test_the_clients_jar_is_what_learns_and_its_cookies_stay_as_they_are():
    jar = httpxr.Cookies({"a": "1"})
    cookies = Cookies(jar.jar, None, HOME)
    sent_to(HOME, cookies)
    cookies.store(httpxr.Response(200, headers=[("Set-Cookie", "s=2")]), HOME)
    assert sorted((c.name, c.domain) for c in jar.jar) == [
        ("a", ""),
        ("s", "feed.test"),
    ]


def test_off_the_origin_not_even_a_fitting_cookie_of_the_callers_is_sent():
    given = httpxr.Cookies()
    given.set("a", "1", domain="other.test")
    cookies = Cookies(CookieJar(), given, HOME)
    assert sent_to("http://other.test/", cookies, is_trusted=False) is None
    assert sent_to("http://other.test/", cookies) == "a=1"


def test_threads_may_share_a_jar_that_is_being_changed():
    jar, failures, done = CookieJar(), [], threading.Event()
    cookies = Cookies(jar, None, HOME)

    def learn():
        for n in range(300):
            field = ("Set-Cookie", f"c{n % 50}=1; Path=/p{n % 7}; Domain=h{n}.test")
            url = httpxr.URL(f"http://h{n}.test/")
            cookies.store(httpxr.Response(200, headers=[field]), url)
        done.set()

    def ask():
        try:
            while not done.is_set():
                sent_to(HOME, cookies)
        except RuntimeError as error:
            failures.append(error)

    threads = [threading.Thread(target=target) for target in (learn, ask, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert failures == []


class Restless(CookieJar):
    """Changes under whoever looks through it, so many times."""

    def __init__(self, times):
        super().__init__()
        self.times = times

    def __iter__(self):
        self.times -= 1
        if self.times >= 0:
            raise RuntimeError("dictionary changed size during iteration")
        return super().__iter__()


def test_a_jar_that_changes_meanwhile_is_looked_through_again():
    cookies = Cookies(Restless(times=5), None, HOME)
    answer = httpxr.Response(200, headers=[("Set-Cookie", "s=1; Path=/")])
    cookies.store(answer, HOME)
    assert sent_to(HOME, cookies) == "s=1"


def test_a_jar_that_can_never_be_looked_through_says_so():
    with pytest.raises(RuntimeError, match="changed size"):
        sent_to(HOME, Cookies(Restless(times=10_000), None, HOME))


def test_a_cookie_of_the_callers_that_no_header_can_carry_stays_behind():
    given = {"a": "x\x01y", "b": "2"}
    assert sent_to(HOME, Cookies(CookieJar(), given, HOME)) == "b=2"


# What servers set is bounded (RFC 6265, section 6.1); the caller's own is not.


def names_in(cookies):
    return {cookie.name for cookie in cookies._jar}


def told(cookies, *set_cookies, url=HOME):
    fields = [("Set-Cookie", value) for value in set_cookies]
    cookies.store(httpxr.Response(200, headers=fields), httpxr.URL(url))


def test_a_cookie_of_more_than_4096_bytes_is_ignored():
    assert names_in(stored("a=" + "x" * 4094)) == {"a"}
    assert names_in(stored("a=" + "x" * 4095)) == set()


def test_a_domain_has_50_and_those_that_were_used_last():
    cookies = stored(*(f"n{n}=v" for n in range(50)), url=str(HOME))
    told(cookies, "first=v; path=/elsewhere", url="http://other.test/elsewhere/x")
    assert sent_to(HOME, cookies).count("=") == 50
    told(cookies, "n0=again")
    told(cookies, "more=v")
    assert names_in(cookies) == {"n0", "more", "first"} | {
        f"n{n}" for n in range(2, 50)
    }


def test_all_together_are_3000():
    cookies = stored()
    for n in range(61):
        told(cookies, *(f"n{i}=v" for i in range(50)), url=f"http://h{n}.test/")
    kept = list(cookies._jar)
    assert len(kept) == 3000
    assert "h0.test" not in {cookie.domain for cookie in kept}


def test_a_request_sends_8_kib_of_them_those_that_were_set_last():
    cookies = stored(*(f"n{n}={'x' * 1000}" for n in range(10)), url=str(HOME))
    header = sent_to(HOME, cookies)
    sent = {pair.partition("=")[0] for pair in header.split("; ")}
    assert len(header) <= 8192
    assert sent == {f"n{n}" for n in range(2, 10)}


def test_the_callers_own_are_neither_counted_nor_dropped():
    jar = httpxr.Cookies()
    for n in range(60):
        jar.set(f"own{n}", "x" * 500, domain="feed.test", path="/")
    cookies = Cookies(jar.jar, None, HOME)
    told(cookies, *(f"n{n}=v" for n in range(60)))
    names = names_in(cookies)
    assert {f"own{n}" for n in range(60)} <= names
    assert len(names) == 110
    header = sent_to(HOME, cookies)
    assert header.count("own") == 60
    assert "n5" not in {pair.partition("=")[0] for pair in header.split("; ")}


@pytest.mark.parametrize("domain", ["0.0.1", ".0.0.1", "1"])
def test_a_domain_that_is_part_of_an_address_is_refused(domain):
    url = "http://127.0.0.1/"
    assert names_in(stored(f"a=1; Domain={domain}", url=url)) == set()
    assert names_in(stored("a=1", url=url)) == {"a"}


def test_what_another_thread_has_dropped_already_is_no_error(monkeypatch):
    cookies = stored(*(f"n{n}=v" for n in range(50)), url=str(HOME))
    clear = CookieJar.clear

    def twice(jar, *which):
        clear(jar, *which)
        clear(jar, *which)

    monkeypatch.setattr(CookieJar, "clear", twice)
    told(cookies, "more=v")
    assert len(names_in(cookies)) == 50


def test_the_callers_own_may_be_more_than_8_kib():
    jar = httpxr.Cookies()
    for n in range(20):
        jar.set(f"own{n}", "x" * 1000, domain="feed.test", path="/")
    assert sent_to(HOME, Cookies(jar.jar, None, HOME)).count("own") == 20
