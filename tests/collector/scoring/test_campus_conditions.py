"""From what a school's platforms and rooms say to what stands beside an answer on the sheet."""

from __future__ import annotations

import json
import secrets
import socket
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from agent.probes.base import Context
from agent.probes.broadcast_terminals import report as report_terminals
from agent.probes.classroom_devices import ClassroomDevicesSettings, report_day
from agent.probes.education_network import EducationNetwork, EducationNetworkSettings
from agent.probes.platform_registration import PlatformRegistration, PlatformRegistrationSettings
from agent.probes.protection_software import judge_licence, judge_protection
from agent.probes.sensor_platform import SensorPlatform
from agent.probes.sensor_platform import count as count_kinds
from agent.probes.services import Service, ServiceKind
from agent.probes.single_sign_on import SingleSignOn
from agent.probes.single_sign_on import count as count_systems
from agent.probes.wireless_controller import SmartRoom, room_reading
from agent.protection.products import FoundProduct, HostProtection
from agent.reading import Outcome, Reading
from agent.snmp.access_points import Inventory
from agent.sweep.inventory import Device
from agent.sweep.room_days import RoomDay
from agent.wire import reading_fields
from collector.domain import Entry, Fact, SchoolKind
from collector.scoring.service import ScoringService
from rubrics.loader import load_rubric, official_paths

GENERAL, PROFILE = "zhongxian-smart-campus-general", "zhongxian-smart-campus-profile"
INSPECTION, DISTRICT = "zhongxian-inspection", "yuhuatai-informatization-2020"
VOCATIONAL = "zhongxian-smart-campus-vocational"
RUBRICS = {
    n: load_rubric(official_paths()[n])
    for n in (GENERAL, PROFILE, INSPECTION, DISTRICT, VOCATIONAL)
}
CHINA = timezone(timedelta(hours=8))


def push(county: Any, golden: dict[str, Any], readings: Iterable[Reading]) -> None:
    """Send readings as an agent does, and wait until they count."""
    golden["batch_id"] = secrets.token_hex(16)
    golden["sequence"] += 1
    golden["readings"] = [
        {**reading_fields(one), "sequence": golden["sequence"] * 1000 + number}
        for number, one in enumerate(readings)
    ]
    answer = county.push(golden)
    assert answer.status_code == 200, answer.text
    county.wait_applied()


def indicator(county: Any, name: str) -> dict[str, Any]:
    """Return one indicator as a case carries it."""
    service = ScoringService(county.records, county.series, RUBRICS)
    return dict(service.indicators("zx-001", county.clock())[name])  # type: ignore[arg-type]  # a table


def finding(county: Any, rubric: str, item: str, criterion: str) -> dict[str, Any]:
    """Return one finding of the sheet as it is now."""
    service = ScoringService(county.records, county.series, RUBRICS)
    sheet = json.loads(service.score("zx-001", rubric, county.clock()).sheet_json)
    found = sheet["items"][item]["findings"]
    return next(dict(one) for one in found if one["id"] == criterion)


def answer(county: Any, item: str, name: str) -> None:
    """Answer a field of the form with yes."""
    now = county.clock()
    county.records.add_entry(
        Entry("zx-001", PROFILE, item, name, value=True, author="teacher", recorded_at=now)
    )


def school_days(county: Any, number: int) -> list[datetime]:
    """Return ten in the morning of that many weekdays before today, latest first."""
    today = county.clock().astimezone(CHINA).replace(hour=10, minute=0, second=0, microsecond=0)
    days = (today - timedelta(days=back) for back in range(1, 60))
    return [day for day in days if day.weekday() < 5][:number]


def test_sensors_stand_beside_and_contradict(county: Any, golden: dict[str, Any]) -> None:
    """No kind of two reports: 2 and 5 show it, f32 is disputed; an unread platform disputes no."""
    now = county.clock() - timedelta(minutes=1)
    kinds = {
        kind: Reading(SensorPlatform.name, kind, now, Outcome.OK, values={"reporting": 0.0})
        for kind in ("people", "vehicles")
    }
    answer(county, "f32", "internet_of_things_used")
    unread = replace(kinds["people"], outcome=Outcome.FAILED, reason="web_refused", values={})
    push(county, golden, [count_kinds({**kinds, "people": unread}, now)])
    assert finding(county, PROFILE, "f32", "internet_of_things_used")["result"] == "met"
    push(county, golden, [count_kinds(kinds, now + timedelta(seconds=30))])
    assert finding(county, PROFILE, "f32", "internet_of_things_used")["result"] == "disputed"
    for item in ("2", "5"):
        assert "sensor_kinds_reporting" in json.dumps(finding(county, GENERAL, item, item))


def test_gateways_that_answer(county: Any, golden: dict[str, Any]) -> None:
    """One of two gateways is away: half of them, beside item 2."""
    now = county.clock() - timedelta(minutes=1)
    labels = {"kind": "tcp", "purpose": "iot_gateway"}
    blank = Reading("services", "", now, Outcome.OK, labels=labels)
    push(
        county,
        golden,
        [
            replace(blank, target=name, values={"reachable": up})
            for name, up in (("gw1", 1.0), ("gw2", 0.0))
        ],
    )
    assert indicator(county, "iot_gateways_up")["value"] == 0.5
    assert "iot_gateways_up" in json.dumps(finding(county, GENERAL, "2", "2"))


def test_use_of_rooms_is_an_upper_bound(county: Any, golden: dict[str, Any]) -> None:
    """One of two rooms is used every day; nothing is decided until both are declared."""
    readings: list[Reading] = []
    for moment in school_days(county, 12):
        day = RoomDay(moment, watched_min=450, used_min={"301": 40.0, "302": 5.0})
        kinds = {"301": "multimedia", "302": "multimedia"}
        readings += report_day(day, kinds, ClassroomDevicesSettings())
    push(county, golden, readings)
    assert indicator(county, "classroom_use_share")["limited_by"] == [
        "classroom_rooms_not_declared"
    ]
    as_of = date(2026, 9, 1)
    county.records.add_fact(Fact("zx-001", "multimedia_rooms", "2", as_of, "admin", county.clock()))
    found = indicator(county, "classroom_use_share")
    assert (found["value"], found["days"], found["limited_by"]) == (0.5, 12, [])
    assert "classroom_use_share" in json.dumps(finding(county, GENERAL, "4", "4c"))


def test_seats_of_the_emptiest_smart_room(county: Any, golden: dict[str, Any]) -> None:
    """The best lesson of each room counts, of the rooms the worst; it proves a pass at most."""
    rooms = [SmartRoom(name=f"智慧{n}", seats=40, access_points=(f"ap{n}",)) for n in (1, 2)]
    readings = []
    for number, moment in enumerate(school_days(county, 6)):
        seen = Inventory("lab", terminals={(1,): 50 - number, (2,): 30 + number})
        seen.names = {(1,): "ap1", (2,): "ap2"}
        context = Context(now=lambda moment=moment: moment.astimezone(UTC))  # type: ignore[misc]
        readings += [room_reading(room, seen, context) for room in rooms]
    push(county, golden, readings)
    found = indicator(county, "smart_room_concurrency")
    assert (found["value"], found["targets"], found["limited_by"]) == (
        87.5, 2, ["seats_not_filled"],
    )  # fmt: skip
    assert "smart_room_concurrency" in json.dumps(finding(county, GENERAL, "4", "4e"))


def test_the_registration_log_stands_beside_c20(
    county: Any, golden: dict[str, Any], tmp_path: Path
) -> None:
    """A log of three weeks, lost every afternoon, read week by week as the probe does."""
    log, lines = tmp_path / "gb.log", []
    for day in school_days(county, 15):
        for hour in range(7, 19):
            word = "心跳" if hour < 13 else "离线"
            lines.append(f"{day:%Y-%m-%d} {hour:02}:00:00 34020000001180000001 {word}\n")
    settings = PlatformRegistrationSettings(
        log_file=log, devices={"nvr": "34020000001180000001"}, valid_minutes=61
    )
    for day in reversed(school_days(county, 15)):
        log.write_text("".join(one for one in lines if one[:10] <= f"{day:%Y-%m-%d}"))
        evening = day.replace(hour=19)
        context = Context(now=lambda evening=evening: evening, state_dir=tmp_path)  # type: ignore[misc]
        push(county, golden, PlatformRegistration().collect(settings, context))
    found = indicator(county, "county_platform_registered_share")
    assert found["days"] == 15
    assert 0.5 < found["value"] < 0.58  # four of seven and a half hours, by quarters
    assert "county_platform_registered_share" in json.dumps(
        finding(county, INSPECTION, "C20", "link")
    )


def test_the_education_network_out_of_reach_is_disputed(
    county: Any, golden: dict[str, Any], tmp_path: Path
) -> None:
    """Nobody answers on six school days: 是 is disputed. Reached from outside it counts nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        service = Service(name="county", kind=ServiceKind.TCP, host="127.0.0.1", port=port)
        elsewhere = EducationNetworkSettings(addresses=(service,), source_ranges=("10.0.0.0/8",))
        (outside,) = EducationNetwork().collect(elsewhere, Context(proc_root=tmp_path))
    settings = replace(elsewhere, source_ranges=("127.0.0.0/8",))
    (away,) = EducationNetwork().collect(settings, Context(proc_root=tmp_path))
    days = school_days(county, 6)
    answer(county, "f20", "education_network_connected")
    push(county, golden, [replace(outside, time=day.astimezone(UTC)) for day in days])
    assert indicator(county, "education_network_reachable")["value"] is None
    assert finding(county, PROFILE, "f20", "education_network_connected")["result"] == "met"
    push(
        county,
        golden,
        [replace(away, time=day.astimezone(UTC) + timedelta(minutes=5)) for day in days],
    )
    assert finding(county, PROFILE, "f20", "education_network_connected")["result"] == "disputed"


def test_two_systems_behind_one_sign_in_are_too_few(county: Any, golden: dict[str, Any]) -> None:
    """f30 is disputed once every listed system was seen, and 16b shows the number."""
    now = county.clock() - timedelta(minutes=1)
    systems = {
        name: Reading(
            SingleSignOn.name, name, now, Outcome.OK, values={"sent_to_identity": sent}
        )
        for name, sent in (("oa", 1.0), ("library", 1.0), ("canteen", 0.0))
    }  # fmt: skip
    answer(county, "f30", "one_stop_service_supported")
    push(county, golden, [count_systems(systems, now)])
    found = finding(county, PROFILE, "f30", "one_stop_service_supported")
    assert found["result"] == "disputed"
    assert "single_sign_on_systems" in json.dumps(finding(county, GENERAL, "16", "16b"))


def declare(county: Any, fact: str, value: str) -> None:
    """Write down a fact of the school."""
    as_of = date(2026, 9, 1)
    county.records.add_fact(Fact("zx-001", fact, value, as_of, "admin", county.clock()))


def computer(age_days: float, now: datetime, **more: Any) -> list[Reading]:
    """Return what one computer says whose signatures are that old."""
    product = FoundProduct("own", is_running=True, signatures_age_days=age_days)
    found = HostProtection(
        (product,), is_complete=True, machine="pc", is_licensed=True, system="Windows"
    )
    blank = Reading("protection_software", "", now, Outcome.OK, labels={"machine": "pc", **more})
    return [judge_protection(blank, found, 7), judge_licence(blank, found)]


def test_protected_computers_prove_a_pass_only_together(
    county: Any, golden: dict[str, Any]
) -> None:
    """One of two declared is protected: undecided. Its signatures get old: that decides 18b."""
    now = county.clock() - timedelta(minutes=2)
    push(county, golden, computer(30, now, machine="server"))
    assert finding(county, DISTRICT, "18", "18b")["reason"] == "missing_indicator"
    declare(county, "computers", "2")
    push(county, golden, computer(2, now))
    found = indicator(county, "protected_computers_share")
    assert (found["value"], found["limited_by"]) == (1.0, ["computers_not_covered"])
    assert finding(county, DISTRICT, "18", "18b")["reason"] == "computers_not_covered"
    push(county, golden, computer(9, now + timedelta(minutes=1)))
    assert finding(county, DISTRICT, "18", "18b")["result"] == "not_met"
    declare(county, "computers", "1")
    assert finding(county, DISTRICT, "18", "18a")["result"] == "met"


def test_terminals_stand_beside_the_broadcast_system(county: Any, golden: dict[str, Any]) -> None:
    """Every other day one of two terminals is silent: three quarters, once both are declared."""
    terminals = [Device(name, name, "", "broadcast") for name in ("a", "b")]
    television = Device("tv", "tv", "", "campus_tv")
    readings: list[Reading] = []
    for number, moment in enumerate(school_days(county, 12)):
        there = {"a", "tv"} | ({"b"} if number % 2 else set())
        context = Context(now=lambda moment=moment: moment.astimezone(UTC))  # type: ignore[misc]
        readings += report_terminals([*terminals, television], set(), there, context)
    push(county, golden, readings)
    declare(county, "broadcast_terminals", "2")
    declare(county, "campus_tv_terminals", "1")
    school = county.records.school("zx-001")
    county.records.put_school(replace(school, kind=SchoolKind.VOCATIONAL, stages=()))
    assert indicator(county, "broadcast_online_share")["value"] == 0.75
    assert indicator(county, "campus_tv_online_share")["value"] == 1.0
    for name in ("broadcast_online_share", "broadcast_server_availability"):
        assert name in json.dumps(finding(county, VOCATIONAL, "7", "7a"))
    assert "campus_tv_online_share" in json.dumps(finding(county, VOCATIONAL, "7", "7b"))


def test_the_portal_and_the_site_have_an_availability(county: Any, golden: dict[str, Any]) -> None:
    """A portal down for half of each watched spell; a site that no phone can open."""
    readings: list[Reading] = []
    for number, day in enumerate(school_days(county, 15)):
        minutes = [day + timedelta(minutes=minute) for minute in range(30)]
        labels = {"kind": "tls", "purpose": "portal"}
        blank = Reading("services", "oa", day.astimezone(UTC), Outcome.OK, labels=labels)
        readings += [
            replace(blank, time=moment.astimezone(UTC), values={"reachable": float(minute >= 15)})
            for minute, moment in enumerate(minutes)
        ]
        site = {"works": 1.0, "works_on_phones": float(number % 5 > 0)}
        readings.append(Reading("website", "main", blank.time, Outcome.OK, values=site))
    push(county, golden, readings)
    assert indicator(county, "portal_availability")["value"] == 0.5
    assert "portal_availability" in json.dumps(finding(county, GENERAL, "16", "16a"))
    found = indicator(county, "website_availability")
    assert (found["value"], found["days"]) == (0.8, 15)
    assert "website_availability" in json.dumps(finding(county, DISTRICT, "16", "16c"))


def test_access_points_and_classroom_streams_are_counted(
    county: Any, golden: dict[str, Any]
) -> None:
    """Ninety of a hundred were ever up: f18 is disputed. A recording host is no camera of 6c."""
    readings = [
        Reading(
            "wireless_controller", "ac", day.astimezone(UTC), Outcome.OK,
            values={"access_points_up_count": 85.0 + number},
        )
        for number, day in enumerate(school_days(county, 6))
    ]  # fmt: skip
    now = county.clock() - timedelta(minutes=1)
    readings += [
        Reading(
            "cameras", name, now, Outcome.OK,
            labels={"purpose": purpose}, values={"main_stream_1080p": full_hd},
        )
        for name, purpose, full_hd in (("gate", "surveillance", 1.0), ("lab", "classroom", 0.0))
    ]  # fmt: skip
    push(county, golden, readings)
    county.records.add_entry(
        Entry("zx-001", PROFILE, "f18", "access_points", value=100, author="t", recorded_at=now)
    )
    assert indicator(county, "access_points_seen")["value"] == 90.0
    assert finding(county, PROFILE, "f18", "access_points")["result"] == "disputed"
    assert indicator(county, "camera_1080p_share")["value"] == 1.0
    assert indicator(county, "classroom_stream_1080p_share")["value"] == 0.0
    assert "classroom_stream_1080p_share" in json.dumps(finding(county, GENERAL, "4", "4f"))
