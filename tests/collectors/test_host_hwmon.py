"""Sensors of chips: who a chip is, which channels speak, and what is no value although a file has a number."""

import asyncio
from pathlib import Path

import pytest

from collectors.host import HostCollector
from collectors.host.hwmon import Hwmon
from dc_monitor.clock import ManualClock
from dc_monitor.contract import Target
from support.sysfs import chip, plant

UNANSWERED = "/proc/self/mem"
"""Reading it answers EIO, as many a driver does."""


def hwmon(root: Path) -> Hwmon:
    return Hwmon("me", ManualClock(), str(root / "sys"))


def read(part: Hwmon) -> dict[str, float]:
    readings, failures = part.read()
    assert [] == failures
    return {f"{r.series.point} {r.series.quantity}": r.value for r in readings}


def seen(root: Path) -> tuple[dict[str, float], list[str]]:
    """What the tree tells at first sight, and what is left out."""
    part = hwmon(root)
    left_out = part.look()
    return read(part), left_out


def break_off(file: Path, target: str = UNANSWERED) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to(target)


# Who a chip is.


@pytest.mark.parametrize(
    ("device", "name", "point"),
    [
        ("devices/platform/coretemp.1", "coretemp", "coretemp.1/temp1"),
        ("devices/platform/nct6775.656", "nct6779", "nct6779-nct6775.656/temp1"),
        ("devices/pci0000:00/0000:01:00.0/nvme/nvme0", "nvme", "nvme-0000:01:00.0/temp1"),
        ("devices/pci0000:00/0000:00:02.0/drm/card0", "amdgpu", "amdgpu-0000:00:02.0/temp1"),
        ("devices/pci0000:00/0000:00:1f.4/i2c-6/6-0040", "jc42", "jc42-6-0040/temp1"),
        ("devices/virtual/thermal/thermal_zone0", "acpitz", "acpitz-thermal_zone0/temp1"),
        ("devices/virtual", "board", "board/temp1"),
        ("devices/pci0000:00/0000:00:02.0/drm/card0", "", "0000:00:02.0/temp1"),
    ],
    ids=["named after its driver", "another name", "NVMe", "GPU", "i2c", "ACPI", "no device", "without a name"],
)
@pytest.mark.parametrize("linked", [True, False], ids=["device link", "its own place"])
def test_a_chip_is_named_after_its_driver_and_its_device(
    device: str, name: str, point: str, linked: bool, tmp_path: Path
) -> None:
    """The address on the bus stays; the number of hwmon, of an NVMe or of a card is that of this boot."""
    real = f"{device}/hwmon/hwmon7"
    plant(tmp_path, {f"sys/{real}/temp1_input": "40000"})
    if name:
        plant(tmp_path, {f"sys/{real}/name": name})
    plant(tmp_path, {}, {f"sys/class/hwmon/{entry}": f"../../{real}" for entry in ("hwmon7",)})
    if linked:
        plant(tmp_path, {}, {f"sys/{real}/device": "../../"})

    assert ({f"{point} temperature": 40.0}, []) == seen(tmp_path)


def test_chips_keep_their_names_when_the_numbers_change(tmp_path: Path) -> None:
    """After the next boot, two sockets are found in another order."""
    boots = []
    for boot, numbers in enumerate(((0, 1), (5, 2))):
        root = tmp_path / str(boot)
        for socket, number in enumerate(numbers):
            real = f"devices/platform/coretemp.{socket}/hwmon/hwmon{number}"
            plant(root, {f"sys/{real}/name": "coretemp", f"sys/{real}/temp1_input": str(1000 * (40 + socket))})
            plant(root, {}, {f"sys/class/hwmon/hwmon{number}": f"../../{real}"})
        boots.append(seen(root)[0])

    assert {"coretemp.0/temp1 temperature": 40.0, "coretemp.1/temp1 temperature": 41.0} == boots[0] == boots[1]


def test_two_chips_of_one_device_and_one_name_are_told_apart(tmp_path: Path) -> None:
    """Nothing is overwritten: where only the number differs, it is all there is."""
    for number in (3, 4):
        plant(tmp_path, chip(f"hwmon{number}", {"name": "asus", "temp1_input": 1000 * number}))

    assert {"asus-hwmon3/temp1 temperature": 3.0, "asus-hwmon4/temp1 temperature": 4.0} == seen(tmp_path)[0]


def test_a_battery_that_shows_itself_as_a_chip_is_read_once(tmp_path: Path) -> None:
    """Its watts have no direction here; `supplies` reads them with it."""
    real = "devices/LNXSYSTM:00/PNP0C0A:00/power_supply/BAT0/hwmon3"
    plant(tmp_path, {f"sys/{real}/name": "BAT0", f"sys/{real}/power1_input": "9000000"})
    plant(tmp_path, {}, {"sys/class/hwmon/hwmon3": f"../../{real}"})

    assert ({}, []) == seen(tmp_path)


def test_labels_become_points_and_stay_as_written_for_people(tmp_path: Path) -> None:
    """Whatever a vendor writes: no slash may make a path of it, and no two channels share a point."""
    labels = ("CPU Temp", "VRM/MOS ", "CPU Temp", "+12V Außen", "temp2")
    files = {f"temp{n}_input": 1000 * n for n in (1, 2, 3, 4, 5, 6)}
    files |= {f"temp{n}_label": label for n, label in zip((1, 3, 4, 5, 6), labels, strict=True)}
    plant(tmp_path, chip("hwmon0", {"name": "board", **files}))
    part = hwmon(tmp_path)
    part.look()
    readings, _ = part.read()

    assert [
        ("board/cpu-temp-1", "CPU Temp", 1.0),
        ("board/temp2-2", "board temp2", 2.0),
        ("board/vrm-mos", "VRM/MOS", 3.0),
        ("board/cpu-temp-4", "CPU Temp", 4.0),
        ("board/+12v-außen", "+12V Außen", 5.0),
        ("board/temp2-6", "temp2", 6.0),
    ] == [(r.series.point, r.series.label, r.value) for r in readings]


def test_every_kind_comes_in_its_own_unit(tmp_path: Path) -> None:
    files = {
        "temp1_input": -7_500,
        "fan1_input": 0,
        "power1_input": 1_250_000,
        "energy1_input": 3_000_001,
        "in0_input": -12_050,
        "curr1_input": 1_500,
        "humidity1_input": 45_250,
        "freq1_input": 214_000_000,
        "pwm1": 128,
        "temp1_crit": 65_261_850,
        "temp1_min": -273_150,
        "intrusion0_alarm": 0,
    }
    plant(tmp_path, chip("hwmon0", {"name": "all", **files}))

    assert {
        "all/temp1 temperature": -7.5,
        "all/fan1 fan_speed": 0.0,
        "all/power1 power": 1.25,
        "all/energy1 energy": 3.000001,
        "all/in0 voltage": -12.05,
        "all/curr1 current": 1.5,
        "all/humidity1 humidity": 0.4525,
    } == seen(tmp_path)[0]


# What is no value.


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("temp1_input", "-273150", "it says -273.15 Cel, which cannot be"),
        ("temp1_input", "-128000", "it says -128 Cel, which cannot be"),
        ("power1_input", "4294967295000", "it says 4.29497e+06 W, which cannot be"),
        ("power1_input", "-1000000", "it says -1 W, which cannot be"),
        ("humidity1_input", "100100", "it says 1.001 1, which cannot be"),
        ("temp1_input", "", "it is empty"),
        ("temp1_input", "N/A", "it says 'N/A', not a number"),
    ],
    ids=["0 K", "an empty register", "ACPI's unknown", "less than nothing", "wetter than wet", "empty", "a word"],
)
def test_a_driver_that_does_not_know_gives_no_value(file: str, content: str, why: str, tmp_path: Path) -> None:
    plant(tmp_path, chip("hwmon0", {"name": "board", file: content, "in0_input": 3_300}))

    assert ({"board/in0 voltage": 3.3}, [f"cannot read {file} of board: {why}"]) == seen(tmp_path)


def test_a_sensor_that_is_silent_from_the_beginning_is_left_out_and_asked_again(tmp_path: Path) -> None:
    """A radio that is off answers an error: a state, not a failure of every poll."""
    plant(tmp_path, chip("hwmon0", {"name": "iwlwifi", "temp1_input": 0}))
    break_off(tmp_path / "sys/class/hwmon/hwmon0/temp1_input")
    part = hwmon(tmp_path)
    left_out = part.look()
    silent = part.read()
    (tmp_path / "sys/class/hwmon/hwmon0/temp1_input").unlink()
    plant(tmp_path, chip("hwmon0", {"temp1_input": 41_000}))

    assert (["cannot read temp1_input of iwlwifi: Input/output error"], ([], [])) == (left_out, silent)
    assert [] == part.look()
    assert {"iwlwifi/temp1 temperature": 41.0} == read(part)


def test_a_sensor_that_falls_silent_is_a_failure_of_every_poll(tmp_path: Path) -> None:
    """It was measured before, so it is missed, after another look too; one sentence for a chip and its reason."""
    plant(tmp_path, chip("hwmon0", {"name": "board", **{f"temp{n}_input": 40_000 for n in range(1, 7)}}))
    part = hwmon(tmp_path)
    part.look()
    for number in range(1, 6):
        break_off(tmp_path / f"sys/class/hwmon/hwmon0/temp{number}_input")
    sentence = "cannot read temp1_input, temp2_input, temp3_input and 2 more of board: Input/output error"

    for _ in range(2):
        readings, failures = part.read()
        assert (["board/temp6"], [sentence]) == ([r.series.point for r in readings], failures)
        assert [] == part.look()


def test_a_mean_that_fails_leaves_its_place_to_the_instant(tmp_path: Path) -> None:
    """A GPU shows both files and answers one of them."""
    plant(tmp_path, chip("hwmon0", {"name": "amdgpu", "power1_average": 0, "power1_input": 120_000_000}))
    break_off(tmp_path / "sys/class/hwmon/hwmon0/power1_average")

    assert ({"amdgpu/power1 power": 120.0}, []) == seen(tmp_path)


def test_a_channel_whose_fault_flag_is_set_tells_nothing(tmp_path: Path) -> None:
    """Its file still holds a number; the flag is asked with every poll."""
    plant(tmp_path, chip("hwmon0", {"name": "max31790", "fan1_input": 0, "fan1_fault": 1, "fan2_input": 900}))
    plant(tmp_path, chip("hwmon0", {"fan2_fault": 0}))
    part = hwmon(tmp_path)
    left_out = part.look()
    before = read(part)
    plant(tmp_path, chip("hwmon0", {"fan2_fault": 1}))

    assert ["cannot read fan1_input of max31790: the driver says that the sensor is broken"] == left_out
    assert {"max31790/fan2 fan_speed": 900.0} == before
    assert ([], ["cannot read fan2_input of max31790: the driver says that the sensor is broken"]) == part.read()


# Watts: of the machine, or of a part.

METER = {"name": "power_meter", "power1_average": 412_000_000, "power1_average_interval": 1_000}


@pytest.mark.parametrize("folder", ["hwmon2", "hwmon2/device"], ids=["as today", "old kernels"])
def test_an_acpi_power_meter_is_the_machines_input(folder: str, tmp_path: Path) -> None:
    """Before the hwmon core took them, drivers had their files with the device."""
    plant(tmp_path, chip(folder, METER))

    assert ({"input/total power": 412.0}, []) == seen(tmp_path)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("0", "it says 0 W, which cannot be"),
        ("-1", "it says -1e-06 W, which cannot be"),
        ("18446744073709550616", "it says 1.84467e+13 W, which cannot be"),
        ("4294967295000", "it says 4.29497e+06 W, which cannot be"),
    ],
    ids=["0 W while we run", "-1", "-1 mW without a sign", "0xffffffff mW"],
)
def test_firmware_that_does_not_measure_gives_no_input(content: str, why: str, tmp_path: Path) -> None:
    plant(tmp_path, chip("hwmon2", METER | {"power1_average": content}))

    assert ({}, [f"cannot read power1_average of power_meter: {why}"]) == seen(tmp_path)


def test_an_input_that_falls_to_0_is_a_failure(tmp_path: Path) -> None:
    """The machine we run on takes something; a GPU may well take nothing."""
    plant(tmp_path, chip("hwmon2", METER) | chip("hwmon3", {"name": "gpu", "power1_input": 60_000_000}))
    part = hwmon(tmp_path)
    part.look()
    plant(tmp_path, chip("hwmon2", {"power1_average": 0}) | chip("hwmon3", {"power1_input": 0}))
    readings, failures = part.read()

    assert [("gpu/power1", 0.0)] == [(r.series.point, r.value) for r in readings]
    assert ["cannot read power1_average of power_meter: it says 0 W, which cannot be"] == failures


def test_a_meter_on_a_battery_is_not_the_input(tmp_path: Path) -> None:
    plant(tmp_path, chip("hwmon2", METER | {"power1_is_battery": 1}))

    assert {"power_meter/power1 power": 412.0} == seen(tmp_path)[0]


def test_of_two_meters_nobody_knows_which_is_the_input(tmp_path: Path) -> None:
    """A wrong input would claim the best category of a PUE."""
    for number in (0, 1):
        real = f"devices/LNXSYSTM:00/ACPI000D:0{number}"
        plant(tmp_path, {f"sys/{real}/status": "15"})
        plant(tmp_path, chip(f"hwmon{number}", METER), {f"sys/class/hwmon/hwmon{number}/device": f"../../../{real}"})

    assert (
        {"power_meter-acpi000d:00/power1 power": 412.0, "power_meter-acpi000d:01/power1 power": 412.0},
        ["power_meter-acpi000d:00 and power_meter-acpi000d:01: nobody knows which measures the whole machine"],
    ) == seen(tmp_path)


def test_a_chip_that_tells_its_power_is_not_multiplied(tmp_path: Path) -> None:
    """The chip's own product is of one instant; ours would be of two."""
    files = {"name": "ina226", "in1_input": 12_000, "curr1_input": 5_000, "power1_input": 59_000_000}
    plant(tmp_path, chip("hwmon0", files | {"in1_label": "VDD"}))

    assert {"ina226/power1 power": 59.0} == {
        name: value for name, value in seen(tmp_path)[0].items() if name.endswith(" power")
    }


def test_a_product_needs_both_its_factors(tmp_path: Path) -> None:
    """A product without one of its factors is no value; the one that is missing is named."""
    plant(tmp_path, chip("hwmon0", {"name": "ina219", "in1_input": 12_000, "curr1_input": 5_000}))
    part = hwmon(tmp_path)
    part.look()
    break_off(tmp_path / "sys/class/hwmon/hwmon0/curr1_input")
    readings, failures = part.read()

    assert ["ina219/in1"] == [r.series.point for r in readings]
    assert ["cannot read curr1_input of ina219: Input/output error"] == failures


@pytest.mark.parametrize(
    ("registered", "expected"),
    [
        ((), {"cpu/package-1": "bank", "cpu/package-1/core/7": "sensor"}),
        (("cpu/package-1",), {"cpu/package-1/amd_energy": "sensor", "cpu/package-1/core/7": "sensor"}),
    ],
    ids=["alone", "beside powercap"],
)
def test_a_processors_register_stands_for_it_unless_powercap_does(
    registered: tuple[str, ...], expected: dict[str, str], tmp_path: Path
) -> None:
    files = {"energy1_input": 5, "energy1_label": "Ecore007", "energy2_input": 9, "energy2_label": "Esocket1"}
    plant(tmp_path, chip("hwmon0", {"name": "amd_energy", **files}))
    part = hwmon(tmp_path)

    assert [] == part.look(registered)
    assert expected == {r.series.point: r.series.level for r in part.read()[0]}


def test_cores_of_two_sockets_are_left_out(tmp_path: Path) -> None:
    """Their labels do not say in which processor they are, and beside both they would be counted twice."""
    labels = ("Ecore000", "Ecore001", "Esocket0", "Esocket1")
    files = {
        f"energy{n}_{what}": said for n, one in enumerate(labels, 1) for what, said in (("label", one), ("input", n))
    }
    plant(tmp_path, chip("hwmon0", {"name": "amd_energy", **files}))
    told, left_out = seen(tmp_path)

    assert {"cpu/package-0 energy": 3e-6, "cpu/package-1 energy": 4e-6} == told
    assert ["energy1, energy2 of amd_energy: the processor they are in is not told"] == left_out


# What comes and goes.


def test_chips_that_come_and_go_are_seen_with_the_next_poll(tmp_path: Path) -> None:
    """A driver that is loaded tells at once; one that is unloaded is told once, and then is no failure."""
    sysfs = plant(tmp_path, chip("hwmon0", {"name": "board", "temp1_input": 30_000}))
    clock = ManualClock()

    async def run() -> list[tuple[list[str], tuple[str, ...]]]:
        collector = HostCollector(Target("me", "host://", clock, options={"sysfs": str(sysfs)}))
        await collector.open()
        polls = []
        for change in ("none", "come", "gone", "none"):
            clock.advance(1)
            if change == "come":
                plant(tmp_path, chip("hwmon1", {"name": "gpu", "temp1_input": 60_000}))
            if change == "gone":
                (sysfs / "class/hwmon/hwmon0").rename(tmp_path / "unplugged")
            poll = await collector.collect()
            points = [r.series.point for r in poll.readings if r.series.source.startswith("hwmon")]
            polls.append((points, poll.failures))
        await collector.close()
        return polls

    assert [
        (["board/temp1"], ()),
        (["board/temp1", "gpu/temp1"], ()),
        (["gpu/temp1"], ("board is no longer there",)),
        (["gpu/temp1"], ()),
    ] == asyncio.run(run())


def test_what_was_silent_is_asked_again_after_ten_minutes(tmp_path: Path) -> None:
    sysfs = plant(tmp_path, chip("hwmon0", {"name": "radio", "temp1_input": ""}))
    clock = ManualClock()

    async def run() -> list[list[float]]:
        collector = HostCollector(Target("me", "host://", clock, options={"sysfs": str(sysfs)}))
        await collector.open()
        plant(tmp_path, chip("hwmon0", {"temp1_input": 35_000}))
        found = []
        for seconds in (599, 1):
            clock.advance(seconds)
            poll = await collector.collect()
            found.append([r.value for r in poll.readings if r.series.point == "radio/temp1"])
        await collector.close()
        return found

    assert [[], [35.0]] == asyncio.run(run())
