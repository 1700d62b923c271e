import time

import pytest

from furniture_prompter.web.telemetry import Metrics


def test_requests_are_counted_by_route_and_status() -> None:
    metrics = Metrics()
    metrics.answered("POST", "/v1/search", 200, 0.004)
    metrics.answered("POST", "/v1/search", 429, 0.001)
    text, content_type = metrics.render()
    lines = text.decode().splitlines()
    route = 'method="POST",route="/v1/search"'
    assert f'furniture_prompter_requests_total{{{route},status="200"}} 1.0' in lines
    assert f'furniture_prompter_requests_total{{{route},status="429"}} 1.0' in lines
    assert 'furniture_prompter_request_seconds_count{route="/v1/search"} 2.0' in lines
    assert content_type.startswith("text/plain")


def test_a_stage_is_measured_even_when_it_fails() -> None:
    metrics = Metrics()

    def work() -> None:
        with metrics.stage("decode"):
            time.sleep(0.002)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        work()
    lines = metrics.render()[0].decode().splitlines()
    assert 'furniture_prompter_stage_seconds_count{stage="decode"} 1.0' in lines
    (spent,) = [line for line in lines if line.startswith("furniture_prompter_stage_seconds_sum")]
    assert float(spent.split()[-1]) >= 0.002


def test_two_apps_of_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.in_flight.inc()
    assert "requests_in_flight 1.0" in first.render()[0].decode()
    assert "requests_in_flight 0.0" in second.render()[0].decode()
