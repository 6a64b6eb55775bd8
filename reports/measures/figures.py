"""Every figure by its name, each with its formula and where that comes from: what goals, trends and reports ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from reports.measures import complaints as filed
from reports.measures import contacts, satisfaction, scores, volume
from reports.measures.ground import By, Ground, Key, Reading
from reports.measures.response import FIRST, INTERACTIONS, kept

if TYPE_CHECKING:
    from collections.abc import Mapping

Readings = dict[Key, Reading]
Measure = Callable[[Ground, By], Readings]


def first_response_compliance(ground: Ground, by: By = ()) -> Readings:
    """met / (met + breached) of first responses, by when they were judged.

    Source: 首次响应达标率 = met tickets / all tickets; tickets still pending, and cancelled ones, are not judged.
    """
    return {key: Reading(each.compliance, each.tickets) for key, each in kept(ground, FIRST, by).items()}


def resolution_compliance(ground: Ground, by: By = ()) -> Readings:
    """met / (met + breached) of resolutions, by when they were judged.

    Source: 解决达标率.
    """
    return {key: Reading(each.compliance, each.tickets) for key, each in kept(ground, ("resolution",), by).items()}


def response_time(ground: Ground, by: By = ()) -> Readings:
    """sum of first response times / tickets answered; open time by the promise's calendar.

    Source: 平均首次响应时长 = sum of (first public human reply - creation) / tickets.
    """
    return {key: Reading(each.mean, each.tickets) for key, each in kept(ground, FIRST, by).items()}


def response_time_p50(ground: Ground, by: By = ()) -> Readings:
    """median of first response times, open time; linear between the closest ranks.

    Source: response times as mean, p50 and p90, for a mean hides the few who waited long.
    """
    return {key: Reading(each.p50, each.tickets) for key, each in kept(ground, FIRST, by).items()}


def response_time_p90(ground: Ground, by: By = ()) -> Readings:
    """time within which nine of ten first responses came, open time; linear between the closest ranks.

    Source: as the median.
    """
    return {key: Reading(each.p90, each.tickets) for key, each in kept(ground, FIRST, by).items()}


def resolution_time(ground: Ground, by: By = ()) -> Readings:
    """sum of resolution times / tickets resolved; open time without the promise's pauses.

    Source: 平均解决时长.
    """
    return {key: Reading(each.mean, each.tickets) for key, each in kept(ground, ("resolution",), by).items()}


def interaction_time(ground: Ground, by: By = ()) -> Readings:
    """mean of the response times of every customer message that waited: first and later responses together.

    Source: ART 平均响应时长.
    """
    return {key: Reading(each.mean, each.tickets) for key, each in kept(ground, INTERACTIONS, by).items()}


def resolution_rate(ground: Ground, by: By = ()) -> Readings:
    """resolved or closed now / created in the period, with a resolution that was met or is overdue.

    Source: 问题解决率 = resolved / created and due.
    """
    return {key: Reading(each.share, each.tickets) for key, each in contacts.due(ground, by).items()}


def average_score(ground: Ground, by: By = ()) -> Readings:
    """sum of totals / reviews; a total = maximum x sum(weight x score) / (5 x sum(weight)).

    Source: 平均服务评分 = sum of totals / scored tickets, of 20.
    """
    return {key: Reading(each.mean, each.tickets) for key, each in scores.scores(ground, by).items()}


def flagged_share(ground: Ground, by: By = ()) -> Readings:
    """reviews with a total under the flag threshold / reviews.

    Source: 总分 under 14 of 20 is 重点关注.
    """
    return {
        key: Reading(each.flagged / each.reviews if each.reviews else None, each.tickets)
        for key, each in scores.scores(ground, by).items()
    }


def average_rating(ground: Ground, by: By = ()) -> Readings:
    """sum of the newest rating of each ticket resolved in the period / tickets rated.

    Source: 客户满意度, beside a benchmark of 4.2.
    """
    return {key: Reading(each.mean, each.rated) for key, each in satisfaction.satisfaction(ground, by).items()}


def csat_of_rated(ground: Ground, by: By = ()) -> Readings:
    """tickets resolved in the period whose newest rating is 4 or 5 / those that were rated.

    Source: 客户满意度达标率, over rated tickets.
    """
    return {key: Reading(each.of_rated, each.rated) for key, each in satisfaction.satisfaction(ground, by).items()}


def csat_of_all(ground: Ground, by: By = ()) -> Readings:
    """tickets resolved in the period whose newest rating is 4 or 5 / all that were resolved.

    Source: 客户满意度达标率 = ratings of 4 and more / tickets.
    """
    return {key: Reading(each.of_all, each.tickets) for key, each in satisfaction.satisfaction(ground, by).items()}


def rating_response_rate(ground: Ground, by: By = ()) -> Readings:
    """tickets resolved in the period that were rated / all that were resolved.

    Source: the response rate that belongs beside every CSAT rate.
    """
    return {
        key: Reading(each.response_rate, each.tickets) for key, each in satisfaction.satisfaction(ground, by).items()
    }


def first_contact_resolution(ground: Ground, by: By = ()) -> Readings:
    """resolved with one public reply, not reopened, no later ticket of the customer and category in 7 days / resolved.

    Source: 一次解决率 (FCR).
    """
    return {key: Reading(each.first_contact_share, each.tickets) for key, each in contacts.resolved(ground, by).items()}


def repeat_contacts(ground: Ground, by: By = ()) -> Readings:
    """tickets whose customer created one of the same category in the 7 days before / tickets created.

    Source: 重复咨询率.
    """
    return {key: Reading(each.repeat_share, each.tickets) for key, each in contacts.created(ground, by).items()}


def follow_up_kept(ground: Ground, by: By = ()) -> Readings:
    """met / (met + breached) of follow-ups: the next word to the customer within 24 h, as promised.

    Source: 二次跟进完成率.
    """
    return {key: Reading(each.compliance, each.tickets) for key, each in kept(ground, ("follow_up",), by).items()}


def closed_in_time(ground: Ground, by: By = ()) -> Readings:
    """tickets resolved in the period within 72 h of their creation, by the clock on the wall / resolved.

    Source: 二次跟进完成率: closed within 72 h.
    """
    return {key: Reading(each.in_time_share, each.tickets) for key, each in contacts.resolved(ground, by).items()}


def complaint_rate(ground: Ground, by: By = ()) -> Readings:
    """complaints filed in the period / tickets created in it.

    Source: 投诉率.
    """
    return {key: Reading(each.rate, each.tickets) for key, each in filed.complaints(ground, by).items()}


def valid_complaints(ground: Ground, by: By = ()) -> Readings:
    """1000 x valid complaints filed in the period / tickets created in it.

    Source: 有效投诉占比, per 1,000 tickets.
    """
    return {key: Reading(each.valid_per_thousand, each.tickets) for key, each in filed.complaints(ground, by).items()}


def complaint_time(ground: Ground, by: By = ()) -> Readings:
    """mean open time from the filing of a valid complaint to done.

    Source: 投诉解决时效: filed to done, 24 h.
    """
    return {key: Reading(each.mean, each.tickets) for key, each in kept(ground, ("complaint_resolution",), by).items()}


def daily_volume(ground: Ground, by: By = ()) -> Readings:
    """tickets an agent answered on a day, summed over agents and days / days of agents.

    Source: 人均日处理量 = handled per agent and day at work.
    """
    return {key: Reading(each.per_day, each.tickets) for key, each in volume.handled(ground, by).items()}


def effective_share(ground: Ground, by: By = ()) -> Readings:
    """tickets created that are no test, duplicate or spam, by reason or tag / tickets created, cancelled ones too.

    Source: 有效服务占比.
    """
    return {key: Reading(each.effective_share, each.everything) for key, each in contacts.created(ground, by).items()}


def callbacks_reached(ground: Ground, by: By = ()) -> Readings:
    """callbacks that reached the customer / callbacks made.

    Source: 回访成功率.
    """
    return {key: Reading(each.share, each.tickets) for key, each in filed.callbacks(ground, by).items()}


def hand_over_answered(ground: Ground, by: By = ()) -> Readings:
    """met / (met + breached) of the answers of teams that tickets were handed over to.

    Source: another team answers within 4 h, as promised.
    """
    return {key: Reading(each.compliance, each.tickets) for key, each in kept(ground, ("team_answer",), by).items()}


MEASURED: Final[Mapping[str, Measure]] = {
    measure.__name__: measure
    for measure in (
        first_response_compliance, resolution_compliance, response_time, response_time_p50, response_time_p90,
        resolution_time, interaction_time, resolution_rate, average_score, flagged_share, average_rating,
        csat_of_rated, csat_of_all, rating_response_rate, first_contact_resolution, repeat_contacts, follow_up_kept,
        closed_in_time, complaint_rate, valid_complaints, complaint_time, daily_volume, effective_share,
        callbacks_reached, hand_over_answered,
    )
}  # fmt: skip
"""The figures of `config.figures.FIGURES`, in its order."""


def read(ground: Ground, name: str) -> Reading:
    """A figure of everything in the ground."""
    return MEASURED[name](ground, ()).get((), Reading(None, 0))
