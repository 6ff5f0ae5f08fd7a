-- What partners delivered of what was due, worst first; every share is one division of sums.
-- Grain: supplier or customer. Looked at by: supply page.
WITH told AS (
    SELECT * RENAME (supplier AS partner) FROM gold.supplier_performance WHERE $direction = 'inbound'
    UNION ALL BY NAME
    SELECT * RENAME (customer AS partner, product AS material) FROM gold.customer_performance
    WHERE $direction = 'outbound'
), summed AS (
    SELECT partner, max(as_of_day) AS as_of_day, sum("lines")::BIGINT AS "lines", sum(due)::BIGINT AS due,
        sum(on_time)::BIGINT AS on_time, sum(early)::BIGINT AS early, sum(late)::BIGINT AS late,
        sum(overdue)::BIGINT AS overdue, sum(in_full)::BIGINT AS in_full, sum(otif)::BIGINT AS otif,
        sum(untold)::BIGINT AS untold, sum(not_due)::BIGINT AS not_due, sum(undated)::BIGINT AS undated,
        sum(cancelled)::BIGINT AS cancelled, sum(late_days)::BIGINT AS late_days,
        sum(due_micro)::DOUBLE AS due_micro, sum(in_time_micro)::DOUBLE AS in_time_micro,
        sum(checked_micro)::DOUBLE AS checked_micro, sum(rejected_micro)::DOUBLE AS rejected_micro,
        sum(returned_micro)::DOUBLE AS returned_micro, sum(papers_told)::BIGINT AS papers_told, sum(papers_ok)::BIGINT AS papers_ok
    FROM told WHERE basis = $basis AND due_day BETWEEN $first AND $last GROUP BY partner
), known AS (
    SELECT supplier AS partner, name, country FROM silver.suppliers WHERE $direction = 'inbound'
    UNION ALL SELECT customer, name, country FROM silver.customers WHERE $direction = 'outbound'
)
SELECT s.partner, coalesce(k.name, s.partner) AS name, k.country, s.* EXCLUDE (partner),
    otif / nullif(due, 0) AS otif_share, on_time / nullif(due, 0) AS on_time_share,
    in_full / nullif(due, 0) AS in_full_share, in_time_micro / nullif(due_micro, 0) AS in_time_share,
    rejected_micro / nullif(checked_micro, 0) AS rejected_share,
    returned_micro / nullif(due_micro, 0) AS returned_share, papers_ok / nullif(papers_told, 0) AS papers_share,
    late_days / nullif(late + overdue, 0) AS mean_late_d
FROM summed s LEFT JOIN known k USING (partner)
ORDER BY otif_share NULLS LAST, due DESC, partner
