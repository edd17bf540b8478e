INSERT INTO public.subscriptions_customer VALUES
	(1, 'cus_1', 'Blauwal GmbH', 'billing1@acme.example', '1 Main Street', '', 'New York', 'NY', '10001', 'DE', '', false, 'EUR', 'Europe/Berlin', 'de-DE', '2026-01-01 00:00:00+00', NULL),
	(2, 'cus_2', 'Acme Widgets 2', 'billing2@acme.example', '1 Main Street', '', 'New York', 'NY', '10001', 'US', '', false, 'USD', 'UTC', 'en', '2026-01-01 00:00:00+00', NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_product VALUES
	(1, 'platform', 'Platform', '', '2026-11-26 03:04:21.578329+00') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_plan VALUES
	(1, 'team3', 'Team', '', 'month', 1, 0, 0, true, '2026-11-26 03:04:21.582089+00', 1),
	(2, 'team4', 'Team', '', 'month', 1, 0, 0, true, '2026-11-26 03:04:21.717308+00', 1),
	(3, 'team5', 'Team', '', 'month', 1, 0, 0, true, '2026-11-26 03:04:23.077608+00', 1),
	(4, 'team6', 'Team', '', 'month', 1, 0, 0, true, '2026-11-26 03:04:23.460719+00', 1),
	(5, 'big1', 'Team', '', 'month', 1, 0, 0, true, '2026-11-26 03:06:04.308549+00', 1),
	(6, 'us2', 'Team', '', 'month', 1, 0, 0, true, '2026-11-26 03:06:04.358948+00', 1) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_planversion VALUES
	(1, 'EUR', 1, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-11-26 03:04:21.598959+00', 1, 0.0000000000),
	(2, 'EUR', 1, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-11-26 03:04:21.736036+00', 2, 0.0000000000),
	(3, 'USD', 1, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-11-26 03:04:23.137761+00', 3, 0.0000000000),
	(4, 'USD', 1, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-11-26 03:04:23.473416+00', 4, 0.0000000000),
	(5, 'EUR', 1, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-11-26 03:06:04.319594+00', 5, 0.0000000000),
	(6, 'USD', 1, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-11-26 03:06:04.371699+00', 6, 0.0000000000) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_subscription VALUES
	(2, 'sub_sv98hyngz215', 1, 'USD', 'active', 'UTC', '2026-01-01', '2026-01-01 00:00:00+00', NULL, '2026-02-01 00:00:00+00', '2026-03-01 00:00:00+00', '2026-03-01 00:00:00+00', NULL, NULL, '2026-01-01 00:00:00+00', 2, 3, 'anniversary', '', NULL, NULL, NULL, NULL),
	(3, 'sub_gbbfjjc8fkae', 1, 'USD', 'active', 'UTC', '2026-01-01', '2026-01-01 00:00:00+00', NULL, '2026-02-01 00:00:00+00', '2026-03-01 00:00:00+00', '2026-03-01 00:00:00+00', NULL, NULL, '2026-01-01 00:00:00+00', 2, 6, 'anniversary', '', NULL, NULL, NULL, NULL),
	(1, 'sub_8k95ms8vqtas', 2, 'EUR', 'active', 'Europe/Berlin', '2026-01-01', '2026-01-01 00:00:00+00', NULL, '2026-01-31 23:00:00+00', '2026-02-28 23:00:00+00', '2026-02-28 23:00:00+00', NULL, NULL, '2026-01-01 00:00:00+00', 1, 5, 'anniversary', '', NULL, NULL, NULL, NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_subscriptiontransition VALUES
	(1, '', 'active', 'subscribed', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 'test', '', '{}', NULL, 1),
	(2, '', 'active', 'subscribed', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 'test', '', '{}', NULL, 2),
	(3, '', 'active', 'subscribed', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 'test', '', '{}', NULL, 3),
	(4, 'active', 'active', 'plan_changed', '2026-02-09 23:00:00+00', '2026-02-10 00:00:00+00', 'test', '', '{"to_quantity": 2, "from_quantity": 1, "to_plan_version": 5, "from_plan_version": 1}', NULL, 1) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_announcing VALUES
	(1, '2026-11-26 03:02:19.409267+00', '2026-11-26 03:02:19.409267+00') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_billingrun VALUES
	(1, '2026-02-01 00:00:00+00', 'done', 3, 3, 0, '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00', NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_coupon VALUES
	(1, 'TEN', 'Ten', 'percent', '', NULL, 10.0000, 'forever', NULL, NULL, 1, NULL, NULL, 1, '2026-01-01 00:00:00+00') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_meter VALUES
	(1, 'api_calls', 'API calls', 'call', 'sum', '2026-11-26 03:04:21.542723+00', '', '{}', false, 'none', 0, '') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_couponredemption VALUES
	(1, 1, 'active', NULL, NULL, 'test', '2026-01-01 00:00:00+00', 1, 1, NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_invoice VALUES
	('01a215d1-4066-7989-9907-55bc13b6739c', 'INV-000004', 'period', 'void', 'USD', '2026-01-01 00:00:00+00', '2026-02-01 00:00:00+00', 99.0000, 0.0000, 99.0000, 0.0000, 0.0000, 0.0000, '[{"tax": "0.00", "base": "99.00", "code": "out-of-scope", "name": "No tax", "note": "Outside the scope of tax.", "treatment": "out_of_scope", "percentage": "0"}]', '{"city": "New York", "name": "Acme Widgets 2", "email": "billing2@acme.example", "locale": "en", "region": "NY", "country": "US", "time_zone": "UTC", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'period:3:2026-01-01T00:00:00+00:00', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-01-15 00:00:00+00', NULL, '2026-01-01 00:00:00+00', 2, 3, NULL, 0.0000, 0.0000, 0.0000),
	('01a215cf-afb9-7b68-87bb-fdceb1d4e52e', 'INV-000001', 'period', 'paid', 'EUR', '2025-12-31 23:00:00+00', '2026-01-31 23:00:00+00', 90.0000, 17.1000, 107.1000, 107.1000, 11.9000, 5.0000, '[{"tax": "17.10", "base": "90.00", "code": "DE", "name": "VAT", "note": "", "treatment": "taxed", "percentage": "19"}]', '{"city": "New York", "name": "Blauwal GmbH", "email": "billing1@acme.example", "locale": "de-DE", "region": "NY", "country": "DE", "time_zone": "Europe/Berlin", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'period:1:2025-12-31T23:00:00+00:00', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-01-15 00:00:00+00', '2026-01-01 00:00:00+00', NULL, 1, 1, NULL, 0.0000, 6.9000, 0.0000),
	('01a215cf-b267-7d68-8528-531cde0ff6c0', 'INV-000002', 'top_up', 'open', 'EUR', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 30.0000, 0.0000, 30.0000, 0.0000, 0.0000, 0.0000, '[]', '{"city": "New York", "name": "Blauwal GmbH", "email": "billing1@acme.example", "locale": "de-DE", "region": "NY", "country": "DE", "time_zone": "Europe/Berlin", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'top-up:t', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-01-15 00:00:00+00', NULL, NULL, 1, NULL, NULL, 6.9000, 0.0000, 0.0000),
	('01a215cf-b45f-7b33-8e72-fe72bff46017', 'INV-000003', 'period', 'uncollectible', 'USD', '2026-01-01 00:00:00+00', '2026-02-01 00:00:00+00', 99.0000, 0.0000, 99.0000, 0.0000, 0.0000, 0.0000, '[{"tax": "0.00", "base": "99.00", "code": "out-of-scope", "name": "No tax", "note": "Outside the scope of tax.", "treatment": "out_of_scope", "percentage": "0"}]', '{"city": "New York", "name": "Acme Widgets 2", "email": "billing2@acme.example", "locale": "en", "region": "NY", "country": "US", "time_zone": "UTC", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'period:2:2026-01-01T00:00:00+00:00', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '2026-01-15 00:00:00+00', NULL, NULL, 2, 2, '2026-01-01 00:00:00+00', 0.0000, 0.0000, 0.0000),
	('01a215d1-440a-7614-9aed-170d91f0af3f', 'INV-000005', 'period', 'open', 'EUR', '2026-01-31 23:00:00+00', '2026-02-28 23:00:00+00', 93.6000, 17.7800, 111.3800, 0.0000, 0.0000, 0.0000, '[{"tax": "17.78", "base": "93.60", "code": "DE", "name": "VAT", "note": "", "treatment": "taxed", "percentage": "19"}]', '{"city": "New York", "name": "Blauwal GmbH", "email": "billing1@acme.example", "locale": "de-DE", "region": "NY", "country": "DE", "time_zone": "Europe/Berlin", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'period:1:2026-01-31T23:00:00+00:00', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00', '2026-02-15 00:00:00+00', NULL, NULL, 1, 1, NULL, 0.0000, 0.0000, 20.0000),
	('01a215d1-440a-7697-85f2-daeba1c37ce6', 'INV-000006', 'period', 'open', 'USD', '2026-02-01 00:00:00+00', '2026-03-01 00:00:00+00', 99.0000, 0.0000, 99.0000, 0.0000, 0.0000, 0.0000, '[{"tax": "0.00", "base": "99.00", "code": "out-of-scope", "name": "No tax", "note": "Outside the scope of tax.", "treatment": "out_of_scope", "percentage": "0"}]', '{"city": "New York", "name": "Acme Widgets 2", "email": "billing2@acme.example", "locale": "en", "region": "NY", "country": "US", "time_zone": "UTC", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'period:2:2026-02-01T00:00:00+00:00', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00', '2026-02-15 00:00:00+00', NULL, NULL, 2, 2, NULL, 60.0000, 0.0000, 0.0000),
	('01a215d1-440a-76b8-9247-8d930fbe4cb5', 'INV-000007', 'period', 'open', 'USD', '2026-02-01 00:00:00+00', '2026-03-01 00:00:00+00', 99.0000, 0.0000, 99.0000, 0.0000, 0.0000, 0.0000, '[{"tax": "0.00", "base": "99.00", "code": "out-of-scope", "name": "No tax", "note": "Outside the scope of tax.", "treatment": "out_of_scope", "percentage": "0"}]', '{"city": "New York", "name": "Acme Widgets 2", "email": "billing2@acme.example", "locale": "en", "region": "NY", "country": "US", "time_zone": "UTC", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'period:3:2026-02-01T00:00:00+00:00', '2026-02-01 00:00:00+00', '2026-02-01 00:00:00+00', '2026-02-15 00:00:00+00', NULL, NULL, 2, 3, NULL, 0.0000, 0.0000, 0.0000),
	('01a215d1-495f-7f60-954c-44c715fe0b45', 'INV-000008', 'change', 'open', 'EUR', '2026-02-09 23:00:00+00', '2026-02-28 23:00:00+00', 91.6100, 17.4100, 109.0200, 0.0000, 0.0000, 0.0000, '[{"tax": "17.41", "base": "91.61", "code": "DE", "name": "VAT", "note": "", "treatment": "taxed", "percentage": "19"}]', '{"city": "New York", "name": "Blauwal GmbH", "email": "billing1@acme.example", "locale": "de-DE", "region": "NY", "country": "DE", "time_zone": "Europe/Berlin", "tax_number": "", "postal_code": "10001", "address_line1": "1 Main Street", "address_line2": ""}', 'change:1:1', '2026-02-10 00:00:00+00', '2026-02-10 00:00:00+00', '2026-02-24 00:00:00+00', NULL, NULL, 1, 1, NULL, 0.0000, 0.0000, 0.0000) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_couponuse VALUES
	(1, 'EUR', 10.0000, true, false, '01a215cf-afb9-7b68-87bb-fdceb1d4e52e', 1),
	(2, 'EUR', 10.4000, true, false, '01a215d1-440a-7614-9aed-170d91f0af3f', 1),
	(3, 'EUR', 16.9600, false, false, '01a215d1-495f-7f60-954c-44c715fe0b45', 1) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_creditbalance VALUES
	(1, 'EUR', 0.0000, 1),
	(3, 'USD', 0.0000, 2) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_creditnote VALUES
	('01a215cf-b1a5-7d02-8219-b80a7367d9ec', 'CN-000001', 'EUR', 10.0000, 1.9000, 11.9000, 'Outage', '[{"tax": "1.90", "base": "10.00", "code": "DE", "name": "VAT", "note": "", "treatment": "taxed", "percentage": "19"}]', 'n', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 1, '01a215cf-afb9-7b68-87bb-fdceb1d4e52e', 6.9000, 0.0000, 5.0000) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_creditentry VALUES
	('01a215cf-b1e8-792f-8265-950eef7b06ee', 'EUR', 6.9000, 'credit_note', 'Outage', 'billing', 'note:01a215cf-b1a5-7d02-8219-b80a7367d9ec', '2026-01-01 00:00:00+00', '2026-11-26 03:04:22.765862+00', '01a215cf-b1a5-7d02-8219-b80a7367d9ec', 1, NULL),
	('01a215cf-b27f-703d-8e2f-048431ee0b47', 'EUR', -6.9000, 'applied', '', 'schedule', 'applied:01a215cf-b267-7d68-8528-531cde0ff6c0:0', '2026-01-01 00:00:00+00', '2026-11-26 03:04:22.911317+00', NULL, 1, '01a215cf-b267-7d68-8528-531cde0ff6c0'),
	('01a215d1-420c-7a5a-87fc-a897cea797bc', 'USD', 60.0000, 'granted', 'Sorry', 'test', 'g', '2026-01-01 00:00:00+00', '2026-11-26 03:06:05.198788+00', NULL, 2, NULL),
	('01a215d1-4445-77a9-928e-18f84fafdb98', 'USD', -60.0000, 'applied', '', 'schedule', 'applied:01a215d1-440a-7697-85f2-daeba1c37ce6:0', '2026-02-01 00:00:00+00', '2026-11-26 03:06:05.771759+00', NULL, 2, '01a215d1-440a-7697-85f2-daeba1c37ce6') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_price VALUES
	(1, 'base', 'Base fee', 'recurring', 'flat', 'advance', 'EUR', 100.0000000000, NULL, 0.000000, 0, NULL, 1, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(2, 'calls', 'API calls', 'usage', 'per_unit', 'arrears', 'EUR', 0.0100000000, NULL, 100.000000, 1, 1, 1, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(3, 'base', 'Base fee', 'recurring', 'flat', 'advance', 'EUR', 250.0000000000, NULL, 0.000000, 0, NULL, 2, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(4, 'base', 'Base fee', 'recurring', 'flat', 'advance', 'USD', 99.0000000000, NULL, 0.000000, 0, NULL, 3, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(5, 'calls', 'API calls', 'usage', 'per_unit', 'arrears', 'USD', 0.0020000000, NULL, 10000.000000, 1, 1, 3, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(6, 'base', 'Base fee', 'recurring', 'flat', 'advance', 'USD', 99.0000000000, NULL, 0.000000, 0, NULL, 4, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(7, 'calls', 'API calls', 'usage', 'per_unit', 'arrears', 'USD', 0.0020000000, NULL, 10000.000000, 1, 1, 4, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(8, 'base', 'Base fee', 'recurring', 'flat', 'advance', 'EUR', 250.0000000000, NULL, 0.000000, 0, NULL, 5, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, ''),
	(9, 'base', 'Base fee', 'recurring', 'flat', 'advance', 'USD', 99.0000000000, NULL, 0.000000, 0, NULL, 6, NULL, NULL, 0, false, NULL, 0.0000000000, 0.000000, NULL, '') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_invoiceline VALUES
	('01a215cf-afd2-753f-8dda-089fba18c1e6', 1, 'recurring', 'Team: Base fee', '2025-12-31 23:00:00+00', '2026-01-31 23:00:00+00', 1.0000000000, 100.0000000000, 'EUR', 90.0000, 17.1000, 'DE', '{"kind": "recurring", "rule": "rounded once, half away from zero", "exact": "90", "notes": ["discounts of the invoice are shared out without loss"], "price": {"id": "1", "code": "base", "name": "Base fee", "plan": "Team", "model": "flat", "version": "1", "plan_code": "team3"}, "steps": [{"label": "flat fee", "amount": "100", "formula": "1 × 100 = 100"}, {"label": "coupon TEN", "amount": "-10", "formula": "10 × 100 ÷ 100"}], "amount": "90.00", "events": null, "inputs": {"quantity": "1"}, "policy": {}, "schema": 1, "currency": "EUR"}', '01a215cf-afb9-7b68-87bb-fdceb1d4e52e', 1, 1, 10.0000),
	('01a215cf-b273-78b4-86c2-ede6d2bb6500', 1, 'prepaid', 'Prepaid credits: Prepaid', '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', 1.0000000000, NULL, 'EUR', 30.0000, 0.0000, '', '{}', '01a215cf-b267-7d68-8528-531cde0ff6c0', NULL, NULL, 0.0000),
	('01a215cf-b46b-780c-9453-def1a34fd98a', 1, 'recurring', 'Team: Base fee', '2026-01-01 00:00:00+00', '2026-02-01 00:00:00+00', 1.0000000000, 99.0000000000, 'USD', 99.0000, 0.0000, 'out-of-scope', '{"kind": "recurring", "rule": "rounded once, half away from zero", "exact": "99", "notes": [], "price": {"id": "4", "code": "base", "name": "Base fee", "plan": "Team", "model": "flat", "version": "1", "plan_code": "team5"}, "steps": [{"label": "flat fee", "amount": "99", "formula": "1 × 99 = 99"}], "amount": "99.00", "events": null, "inputs": {"quantity": "1"}, "policy": {}, "schema": 1, "currency": "USD"}', '01a215cf-b45f-7b33-8e72-fe72bff46017', 4, 2, 0.0000),
	('01a215d1-408a-715c-91a2-7d2e16d88d3c', 1, 'recurring', 'Team: Base fee', '2026-01-01 00:00:00+00', '2026-02-01 00:00:00+00', 1.0000000000, 99.0000000000, 'USD', 99.0000, 0.0000, 'out-of-scope', '{"kind": "recurring", "rule": "rounded once, half away from zero", "exact": "99", "notes": [], "price": {"id": "9", "code": "base", "name": "Base fee", "plan": "Team", "model": "flat", "version": "1", "plan_code": "us2"}, "steps": [{"label": "flat fee", "amount": "99", "formula": "1 × 99 = 99"}], "amount": "99.00", "events": null, "inputs": {"quantity": "1"}, "policy": {}, "schema": 1, "currency": "USD"}', '01a215d1-4066-7989-9907-55bc13b6739c', 9, 3, 0.0000),
	('01a215d1-441f-7316-9f7e-211a11165c46', 1, 'usage', 'Team: API calls', '2025-12-31 23:00:00+00', '2026-01-31 23:00:00+00', 500.0000000000, 0.0100000000, 'EUR', 3.6000, 0.6800, 'DE', '{"kind": "usage", "rule": "rounded once, half away from zero", "exact": "3.6", "notes": ["discounts of the invoice are shared out without loss"], "price": {"id": "2", "code": "calls", "name": "API calls", "plan": "Team", "model": "per_unit", "version": "1", "plan_code": "team3"}, "steps": [{"label": "per unit", "amount": "4", "formula": "400 × 0.01 = 4"}, {"label": "coupon TEN", "amount": "-0.4", "formula": "10.4 × 4 ÷ 104"}], "amount": "3.60", "events": {"end": "2026-01-31T23:00:00+00:00", "meter": "api_calls", "start": "2025-12-31T23:00:00+00:00", "customer_id": 1}, "inputs": {"billable": "400", "included": "100", "quantity": "500"}, "policy": {}, "schema": 1, "currency": "EUR"}', '01a215d1-440a-7614-9aed-170d91f0af3f', 2, 1, 0.4000),
	('01a215d1-441f-766a-8fa6-bf238d96e10c', 2, 'recurring', 'Team: Base fee', '2026-01-31 23:00:00+00', '2026-02-28 23:00:00+00', 1.0000000000, 100.0000000000, 'EUR', 90.0000, 17.1000, 'DE', '{"kind": "recurring", "rule": "rounded once, half away from zero", "exact": "90", "notes": ["discounts of the invoice are shared out without loss"], "price": {"id": "1", "code": "base", "name": "Base fee", "plan": "Team", "model": "flat", "version": "1", "plan_code": "team3"}, "steps": [{"label": "flat fee", "amount": "100", "formula": "1 × 100 = 100"}, {"label": "coupon TEN", "amount": "-10", "formula": "10.4 × 100 ÷ 104"}], "amount": "90.00", "events": null, "inputs": {"quantity": "1"}, "policy": {}, "schema": 1, "currency": "EUR"}', '01a215d1-440a-7614-9aed-170d91f0af3f', 1, 1, 10.0000),
	('01a215d1-441f-7764-8395-3ab0719207c6', 1, 'usage', 'Team: API calls', '2026-01-01 00:00:00+00', '2026-02-01 00:00:00+00', 0.0000000000, 0.0020000000, 'USD', 0.0000, 0.0000, 'out-of-scope', '{"kind": "usage", "rule": "rounded once, half away from zero", "exact": "0", "notes": [], "price": {"id": "5", "code": "calls", "name": "API calls", "plan": "Team", "model": "per_unit", "version": "1", "plan_code": "team5"}, "steps": [{"label": "per unit", "amount": "0", "formula": "0 × 0.002 = 0"}], "amount": "0.00", "events": {"end": "2026-02-01T00:00:00+00:00", "meter": "api_calls", "start": "2026-01-01T00:00:00+00:00", "customer_id": 2}, "inputs": {"quantity": "0"}, "policy": {}, "schema": 1, "currency": "USD"}', '01a215d1-440a-7697-85f2-daeba1c37ce6', 5, 2, 0.0000),
	('01a215d1-441f-7835-8e95-48322aa3a6d7', 2, 'recurring', 'Team: Base fee', '2026-02-01 00:00:00+00', '2026-03-01 00:00:00+00', 1.0000000000, 99.0000000000, 'USD', 99.0000, 0.0000, 'out-of-scope', '{"kind": "recurring", "rule": "rounded once, half away from zero", "exact": "99", "notes": [], "price": {"id": "4", "code": "base", "name": "Base fee", "plan": "Team", "model": "flat", "version": "1", "plan_code": "team5"}, "steps": [{"label": "flat fee", "amount": "99", "formula": "1 × 99 = 99"}], "amount": "99.00", "events": null, "inputs": {"quantity": "1"}, "policy": {}, "schema": 1, "currency": "USD"}', '01a215d1-440a-7697-85f2-daeba1c37ce6', 4, 2, 0.0000),
	('01a215d1-441f-78fd-8ff0-0c322450e78a', 1, 'recurring', 'Team: Base fee', '2026-02-01 00:00:00+00', '2026-03-01 00:00:00+00', 1.0000000000, 99.0000000000, 'USD', 99.0000, 0.0000, 'out-of-scope', '{"kind": "recurring", "rule": "rounded once, half away from zero", "exact": "99", "notes": [], "price": {"id": "9", "code": "base", "name": "Base fee", "plan": "Team", "model": "flat", "version": "1", "plan_code": "us2"}, "steps": [{"label": "flat fee", "amount": "99", "formula": "1 × 99 = 99"}], "amount": "99.00", "events": null, "inputs": {"quantity": "1"}, "policy": {}, "schema": 1, "currency": "USD"}', '01a215d1-440a-76b8-9247-8d930fbe4cb5', 9, 3, 0.0000),
	('01a215d1-496b-7743-904c-4820bf085ee4', 1, 'proration_credit', 'Team: Base fee, unused time', '2026-02-09 23:00:00+00', '2026-02-28 23:00:00+00', 1.0000000000, NULL, 'EUR', -61.0700, -11.6000, 'DE', '{"kind": "proration_credit", "rule": "proration policy own", "exact": "-855/14", "notes": [], "price": {"id": "1", "code": "base", "name": "Base fee", "plan": "Team", "version": "1", "plan_code": "team3"}, "steps": [{"label": "unused time", "amount": "-61.07", "formula": "90 × 19/28 days = 61.07"}], "amount": "-61.07", "events": null, "inputs": {"of": "28 days", "to": "2026-02-28T23:00:00+00:00", "from": "2026-02-09T23:00:00+00:00", "price": "90", "units": "19 days", "billed_line": "01a215d1-441f-766a-8fa6-bf238d96e10c"}, "policy": {"name": "own", "unit": "day", "cancel_day": "earlier", "change_day": "later", "credit_base": "billed_amount", "denominator": "whole_period", "share_places": "", "usage_places": ""}, "schema": 1, "currency": "EUR"}', '01a215d1-495f-7f60-954c-44c715fe0b45', 1, 1, 0.0000),
	('01a215d1-496b-7968-9ae5-fe20f1e1aac7', 2, 'proration_charge', 'Team: Base fee, rest of the period', '2026-02-09 23:00:00+00', '2026-02-28 23:00:00+00', 2.0000000000, NULL, 'EUR', 152.6800, 29.0100, 'DE', '{"kind": "proration_charge", "rule": "proration policy own", "exact": "152.68", "notes": ["discounts of the invoice are shared out without loss"], "price": {"id": "8", "code": "base", "name": "Base fee", "plan": "Team", "version": "1", "plan_code": "big1"}, "steps": [{"label": "part of the period", "amount": "169.64", "formula": "250 × 19/28 days = 169.64"}, {"label": "rounded", "amount": "-1/350", "formula": "2375/14 rounded to 169.64"}, {"label": "coupon TEN", "amount": "-16.96", "formula": "16.96 × 169.64 ÷ 169.64"}], "amount": "152.68", "events": null, "inputs": {"of": "28 days", "to": "2026-02-28T23:00:00+00:00", "from": "2026-02-09T23:00:00+00:00", "price": "250", "units": "19 days"}, "policy": {"name": "own", "unit": "day", "cancel_day": "earlier", "change_day": "later", "credit_base": "billed_amount", "denominator": "whole_period", "share_places": "", "usage_places": ""}, "schema": 1, "currency": "EUR"}', '01a215d1-495f-7f60-954c-44c715fe0b45', 8, 1, 16.9600) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_creditnoteline VALUES
	('01a215cf-b1c1-7953-9a4f-d4f959418418', 'Team: Base fee', 'EUR', 10.0000, 1.9000, '01a215cf-b1a5-7d02-8219-b80a7367d9ec', '01a215cf-afd2-753f-8dda-089fba18c1e6') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_payment VALUES
	('01a215cf-b066-7a2d-9455-3181ec85337d', 'EUR', 107.1000, 0.0000, 'paid', 'on_session', '01a215cf-b066-7af9-866a-bcc3630d71ea', NULL, 0, '2026-11-26 03:04:22.37495+00', '2026-01-01 00:00:00+00', 1, '01a215cf-afb9-7b68-87bb-fdceb1d4e52e') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_routingpolicy VALUES
	(1, 1, 'active', 'the first one', 1.00, 1.00, 1.00, 8000.00, 800.00, 50.00, 1200.00, false, 300.00, 150.00, '2026-11-26 03:03:08.846341+00', NULL, NULL, NULL, 0, NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_paymentattempt VALUES
	('01a215cf-b072-755c-899e-910dd7399d8e', 1, 'stripe', 'hosted_page', 'succeeded', '01a215cf-b072-7618-8697-015b3f24900b', '', '', '', '', '', '', 'EUR', 3.1700, 0, NULL, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '01a215cf-b066-7a2d-9455-3181ec85337d', NULL, 0, false, NULL, false, false, '', NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_refund VALUES
	('01a215cf-b21c-7449-9b00-54ab4b47e831', 'EUR', 5.0000, 'succeeded', 'asked for', '01a215cf-b21c-754b-96df-082b1859218e', '', '', NULL, '2026-01-01 00:00:00+00', '2026-01-01 00:00:00+00', '01a215cf-b072-755c-899e-910dd7399d8e', NULL, '01a215cf-b066-7a2d-9455-3181ec85337d', 0, 0) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_numberseries VALUES
	(2, 'credit_note', 'CN-', 2),
	(1, 'invoice', 'INV-', 9) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_planchange VALUES
	(1, 2, 'applied', '2026-02-09 23:00:00+00', '2026-02-10 00:00:00+00', '2026-02-10 00:00:00+00', 'test', NULL, '01a215d1-495f-7f60-954c-44c715fe0b45', 5, 1, 'change_day', 'upgrade', 'own', '', 'credit') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_wallet VALUES
	(1, 'EUR', 'Prepaid', 10, NULL, NULL, '2026-01-01 00:00:00+00', 1) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_prepaidcredit VALUES
	('01a215cf-b253-7a5e-89d1-7d065fee681f', 'granted', 'EUR', 20.0000, 0.0000, NULL, 'Hello', 'test', 'w', '2026-01-01 00:00:00+00', NULL, 1) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_prepaidentry VALUES
	('f58e203f-739d-4552-b812-5c103821ea1b', 'applied', 'EUR', -20.0000, 'applied:01a215d1-440a-7614-9aed-170d91f0af3f:01a215cf-b253-7a5e-89d1-7d065fee681f', '2026-02-01 00:00:00+00', '2026-11-26 03:06:05.790121+00', '01a215cf-b253-7a5e-89d1-7d065fee681f', '01a215d1-440a-7614-9aed-170d91f0af3f') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_processorfeerule VALUES
	(1, 'stripe', 'card', 'USD', 290.000, 0.3000, 150.000, NULL, NULL, 0.0000, 15.0000, 0.0000, 2, '2020-01-01', NULL, 'stripe.com/pricing (US), as quoted by secondary pages of 2026', 'https://stripe.com/pricing'),
	(2, 'stripe', 'card', 'EUR', 150.000, 0.2500, 175.000, NULL, NULL, 0.0000, 20.0000, 0.0000, 3, '2020-01-01', NULL, 'stripe.com/pricing (EEA, standard cards), as quoted by secondary pages of 2026', 'https://stripe.com/pricing'),
	(3, 'stripe', 'card', 'GBP', 150.000, 0.2000, 175.000, NULL, NULL, 0.0000, 20.0000, 0.0000, 3, '2020-01-01', NULL, 'stripe.com/pricing (UK, standard cards), as quoted by secondary pages of 2026', 'https://stripe.com/pricing'),
	(4, 'stripe', 'bank_debit', 'USD', 80.000, 0.0000, 0.000, NULL, 5.0000, 0.0000, 15.0000, 4.0000, 4, '2020-01-01', NULL, 'stripe.com/pricing (ACH debit), as quoted by secondary pages of 2026', 'https://stripe.com/pricing'),
	(5, 'stripe', 'bank_debit', 'EUR', 80.000, 0.3000, 0.000, NULL, 6.0000, 0.0000, 15.0000, 3.5000, 5, '2020-01-01', NULL, 'SEPA debit; sources disagree (0.8 % + 0.30 to 6.00), as quoted by secondary pages of 2026', 'https://stripe.com/pricing'),
	(6, 'adyen', 'card', 'EUR', 90.000, 0.1200, 120.000, NULL, NULL, 0.0000, 15.0000, 0.0000, 2, '2020-01-01', NULL, '0.13 USD processing, 0.60 % markup, 0.30 % EU interchange cap; help.adyen.com, adyen.com, 2026', 'https://www.adyen.com/pricing'),
	(7, 'adyen', 'card', 'USD', 240.000, 0.1300, 120.000, NULL, NULL, 0.0000, 15.0000, 0.0000, 2, '2020-01-01', NULL, '0.13 USD processing, 0.60 % markup, an assumed 1.80 % US interchange; help.adyen.com, 2026', 'https://www.adyen.com/pricing'),
	(8, 'paypal', 'wallet', 'USD', 349.000, 0.4900, 150.000, NULL, NULL, 0.0000, 15.0000, 0.0000, 1, '2020-01-01', NULL, 'PayPal checkout (US), as quoted by secondary pages of 2026', 'https://www.paypal.com/us/business/paypal-business-fees') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_taxrate VALUES
	(1, 'DE', 'VAT', 'DE', 19.0000, '2026-01-01', NULL, '', '') ON CONFLICT DO NOTHING;
INSERT INTO public.billing_topup VALUES
	(1, '01a215cf-b267-7d68-8528-531cde0ff6c0', 1) ON CONFLICT DO NOTHING;
INSERT INTO public.billing_unusedcredit VALUES
	(1, '2026-02-09 23:00:00+00', 'line', 'EUR', 61.0700, '{"kind": "proration_credit", "rule": "proration policy own", "exact": "-855/14", "notes": [], "price": {"id": "1", "code": "base", "name": "Base fee", "plan": "Team", "version": "1", "plan_code": "team3"}, "steps": [{"label": "unused time", "amount": "-61.07", "formula": "90 × 19/28 days = 61.07"}], "amount": "-61.07", "events": null, "inputs": {"of": "28 days", "to": "2026-02-28T23:00:00+00:00", "from": "2026-02-09T23:00:00+00:00", "price": "90", "units": "19 days", "billed_line": "01a215d1-441f-766a-8fa6-bf238d96e10c"}, "policy": {"name": "own", "unit": "day", "cancel_day": "earlier", "change_day": "later", "credit_base": "billed_amount", "denominator": "whole_period", "share_places": "", "usage_places": ""}, "schema": 1, "currency": "EUR"}', true, '2026-02-10 00:00:00+00', NULL, '01a215d1-495f-7f60-954c-44c715fe0b45', '01a215d1-441f-766a-8fa6-bf238d96e10c') ON CONFLICT DO NOTHING;
INSERT INTO public.finance_entity VALUES
	(1, 'Main company', 'USD', NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.finance_account VALUES
	(1, '1000', 'Bank', 'asset', '', 1),
	(2, '1050', 'Cash in transit', 'asset', '', 1),
	(3, '1100', 'Gateway clearing', 'asset', '', 1),
	(4, '1200', 'Accounts receivable', 'asset', '', 1),
	(5, '1250', 'Disputes receivable', 'asset', '', 1),
	(6, '1300', 'Contract asset (unbilled usage)', 'asset', '', 1),
	(7, '1350', 'VAT bad-debt relief', 'asset', '', 1),
	(8, '2100', 'Sales tax and VAT payable', 'liability', '', 1),
	(9, '2200', 'Contract liability (deferred revenue)', 'liability', '', 1),
	(10, '2300', 'Customer credit', 'liability', '', 1),
	(11, '2310', 'Prepaid credits', 'liability', '', 1),
	(12, '2900', 'Currency clearing', 'liability', '', 1),
	(13, '3000', 'Retained earnings', 'equity', '', 1),
	(14, '4000', 'Subscription revenue', 'income', '', 1),
	(15, '4010', 'Usage revenue', 'income', '', 1),
	(16, '4020', 'Expired prepaid credits', 'income', '', 1),
	(17, '4090', 'Credits and refunds (contra revenue)', 'income', '', 1),
	(18, '5000', 'Processor fees', 'expense', '', 1),
	(19, '5010', 'Dispute fees', 'expense', '', 1),
	(20, '5100', 'Bad debt', 'expense', '', 1),
	(21, '5120', 'Dispute losses', 'expense', '', 1),
	(22, '5900', 'Currency gains and losses', 'expense', '', 1) ON CONFLICT DO NOTHING;
INSERT INTO public.finance_journalentry OVERRIDING SYSTEM VALUE VALUES
	('01a215d1-4ab7-77b6-8d6f-64ab8580b523', 1, '7579', 1, '2026-01-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215cf-afb9-7b68-87bb-fdceb1d4e52e', 'invoice:01a215cf-afb9-7b68-87bb-fdceb1d4e52e:finalized:v1', '\x5740dbc69baa8c89940b5bbb32333eaacb28b145c2338f9e6fde87a473eecd6f', 'Invoice INV-000001', NULL),
	('01a215d1-4ab7-7849-9072-fc1a855f422e', 2, '7579', 1, '2026-01-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215cf-b267-7d68-8528-531cde0ff6c0', 'invoice:01a215cf-b267-7d68-8528-531cde0ff6c0:finalized:v1', '\xe2b0644964b5e1b7b31c5835638b753cb07f556e467508d42c234e158da2b7a0', 'Invoice INV-000002', NULL),
	('01a215d1-4ab7-7866-8b29-609584dbb216', 3, '7579', 1, '2026-01-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215cf-b45f-7b33-8e72-fe72bff46017', 'invoice:01a215cf-b45f-7b33-8e72-fe72bff46017:finalized:v1', '\xc3a4e24459ba2d2ff938d96ca1d4b4f22494fd18eb1407750095842de1865695', 'Invoice INV-000003', NULL),
	('01a215d1-4ab7-787a-8693-5f0aac12109d', 4, '7579', 1, '2026-01-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215d1-4066-7989-9907-55bc13b6739c', 'invoice:01a215d1-4066-7989-9907-55bc13b6739c:finalized:v1', '\x0b0b316436368cc3b2d48fd2cc4dc2e81d9d41ea5c3f6ce300bf881ad15d4f61', 'Invoice INV-000004', NULL),
	('01a215d1-4ab7-788b-8e53-8460ee612b87', 5, '7579', 1, '2026-02-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215d1-440a-7614-9aed-170d91f0af3f', 'invoice:01a215d1-440a-7614-9aed-170d91f0af3f:finalized:v1', '\x4a6cd4839cd88ccd8a03180047e2a033853546c89f3dc8f63e77c6610aab07f2', 'Invoice INV-000005', NULL),
	('01a215d1-4ab7-789b-9ffd-43b6991e4d3f', 6, '7579', 1, '2026-02-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215d1-440a-7697-85f2-daeba1c37ce6', 'invoice:01a215d1-440a-7697-85f2-daeba1c37ce6:finalized:v1', '\x78352a8b9af792a05ab96db6670e67401001d4dbd3f9c3b0fb32db4369f00eeb', 'Invoice INV-000006', NULL),
	('01a215d1-4ab7-78b0-9d68-883da46116ae', 7, '7579', 1, '2026-02-01', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215d1-440a-76b8-9247-8d930fbe4cb5', 'invoice:01a215d1-440a-76b8-9247-8d930fbe4cb5:finalized:v1', '\x34bea5df9465d5582fd4f57aa3139304657af39a4095c128b0e037addac3687d', 'Invoice INV-000007', NULL),
	('01a215d1-4ab7-78c0-9cfd-9fb0f4224036', 8, '7579', 1, '2026-02-10', '2026-11-26 03:06:07.327457+00', 'invoice_finalized', 'invoice', '01a215d1-495f-7f60-954c-44c715fe0b45', 'invoice:01a215d1-495f-7f60-954c-44c715fe0b45:finalized:v1', '\x973e985bd9d45b78ec0da8096d9fd112ef8d3101bde6c2faccde046907caf6d8', 'Invoice INV-000008', NULL),
	('01a215d1-4b7b-7ed0-8cad-8ebb6d38435d', 9, '7581', 1, '2026-01-01', '2026-11-26 03:06:07.528604+00', 'credit_note_issued', 'credit_note', '01a215cf-b1a5-7d02-8219-b80a7367d9ec', 'credit_note:01a215cf-b1a5-7d02-8219-b80a7367d9ec:issued:v1', '\x93e58edc040f2cc6d2747ee4dfdfc77032aebf459d8ead4a633edf4949fa6896', 'Credit note CN-000001', NULL),
	('01a215d1-4c76-72d4-803b-6e8a2cc979af', 10, '7583', 1, '2026-01-01', '2026-11-26 03:06:07.76183+00', 'credit_granted', 'credit_entry', '01a215d1-420c-7a5a-87fc-a897cea797bc', 'credit_entry:01a215d1-420c-7a5a-87fc-a897cea797bc:granted:v1', '\xe5afd457d20617ef6adfb8cd6be0119780bafbf600051794854a1464e17d3bfe', 'Credit granted', NULL),
	('01a215d1-4db9-780c-8b72-3837322117f2', 11, '7585', 1, '2026-01-01', '2026-11-26 03:06:08.117066+00', 'credit_applied', 'credit_entry', '01a215cf-b27f-703d-8e2f-048431ee0b47', 'credit_entry:01a215cf-b27f-703d-8e2f-048431ee0b47:applied:v1', '\x277012657abf617488a5e1a15879aec81d78497ce3c4e9b0398765686d29e1aa', 'Credit for invoice INV-000002', NULL),
	('01a215d1-4db9-789b-9313-1585aa88e3d1', 12, '7585', 1, '2026-02-01', '2026-11-26 03:06:08.117066+00', 'credit_applied', 'credit_entry', '01a215d1-4445-77a9-928e-18f84fafdb98', 'credit_entry:01a215d1-4445-77a9-928e-18f84fafdb98:applied:v1', '\x9b67dc3d6b7d0b6facf207a9d224bbb3130b4ba7dbd1f90d464cf28e8700266c', 'Credit for invoice INV-000006', NULL),
	('01a215d1-4e5b-75eb-8405-5579c68abbc8', 13, '7587', 1, '2026-02-01', '2026-11-26 03:06:08.287306+00', 'prepaid_applied', 'prepaid_entry', 'f58e203f-739d-4552-b812-5c103821ea1b', 'prepaid_entry:f58e203f-739d-4552-b812-5c103821ea1b:applied:v1', '\x0fbd4d9d01203049c8ca0498dc91ed69efd5f0166f100e884bba583b20b101c0', 'Prepaid credits for invoice INV-000005', NULL),
	('01a215d1-4f47-7641-8a1f-c5328f8378b3', 14, '7589', 1, '2026-01-01', '2026-11-26 03:06:08.515558+00', 'payment_captured', 'payment', '01a215cf-b066-7a2d-9455-3181ec85337d', 'payment:01a215cf-b066-7a2d-9455-3181ec85337d:captured:v1', '\x8e42b42201c8006e99223d2ddbbf8d49fc138ca1443995ea739f78d8d5ed84a0', 'Payment of INV-000001', NULL),
	('01a215d1-502f-7eed-8dd0-60040be3ab50', 15, '7591', 1, '2026-01-01', '2026-11-26 03:06:08.725947+00', 'refund_paid', 'refund', '01a215cf-b21c-7449-9b00-54ab4b47e831', 'refund:01a215cf-b21c-7449-9b00-54ab4b47e831:paid:v1', '\x8062c7aed89e1585ed8f97e1de0523b1b29eec78ef64d4983e82f9f4eea12d5e', 'Refund of INV-000001', NULL),
	('01a215d1-5103-7768-8d11-4c05737cb7c8', 16, '7593', 1, '2026-01-01', '2026-11-26 03:06:08.884151+00', 'invoice_finalized_reversal', 'invoice', '01a215d1-4066-7989-9907-55bc13b6739c', 'invoice:01a215d1-4066-7989-9907-55bc13b6739c:finalized:v1:reversal', '\xdcba5414544b4f169ac52a6c0720b36303495e67614ca3296857bc07667607d7', 'Reversal: Invoice INV-000004', '01a215d1-4ab7-787a-8693-5f0aac12109d'),
	('01a215d1-5257-76f1-8f7f-64778ced8c81', 17, '7595', 1, '2026-01-01', '2026-11-26 03:06:09.16578+00', 'invoice_written_off', 'invoice', '01a215cf-b45f-7b33-8e72-fe72bff46017', 'invoice:01a215cf-b45f-7b33-8e72-fe72bff46017:written_off:v1', '\x3a9daa0065883e2fefdfe473468fb456f3f23935fe21c69d6bd409e7882508ba', 'Write-off of invoice INV-000003', NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.finance_posting VALUES
	('01a215d1-4ab7-77b6-8d6f-64ab8580b523', 1, 1, '2026-01-01', 4, 'EUR', 10710, NULL, 1, '01a215cf-afb9-7b68-87bb-fdceb1d4e52e'),
	('01a215d1-4ab7-77b6-8d6f-64ab8580b523', 2, 1, '2026-01-01', 9, 'EUR', -9000, NULL, 1, '01a215cf-afb9-7b68-87bb-fdceb1d4e52e'),
	('01a215d1-4ab7-77b6-8d6f-64ab8580b523', 3, 1, '2026-01-01', 8, 'EUR', -1710, NULL, 1, '01a215cf-afb9-7b68-87bb-fdceb1d4e52e'),
	('01a215d1-4ab7-7849-9072-fc1a855f422e', 1, 1, '2026-01-01', 4, 'EUR', 3000, NULL, 1, '01a215cf-b267-7d68-8528-531cde0ff6c0'),
	('01a215d1-4ab7-7849-9072-fc1a855f422e', 2, 1, '2026-01-01', 11, 'EUR', -3000, NULL, 1, '01a215cf-b267-7d68-8528-531cde0ff6c0'),
	('01a215d1-4ab7-7866-8b29-609584dbb216', 1, 1, '2026-01-01', 4, 'USD', 9900, 9900, 2, '01a215cf-b45f-7b33-8e72-fe72bff46017'),
	('01a215d1-4ab7-7866-8b29-609584dbb216', 2, 1, '2026-01-01', 9, 'USD', -9900, -9900, 2, '01a215cf-b45f-7b33-8e72-fe72bff46017'),
	('01a215d1-4ab7-787a-8693-5f0aac12109d', 1, 1, '2026-01-01', 4, 'USD', 9900, 9900, 2, '01a215d1-4066-7989-9907-55bc13b6739c'),
	('01a215d1-4ab7-787a-8693-5f0aac12109d', 2, 1, '2026-01-01', 9, 'USD', -9900, -9900, 2, '01a215d1-4066-7989-9907-55bc13b6739c'),
	('01a215d1-4ab7-788b-8e53-8460ee612b87', 1, 1, '2026-02-01', 4, 'EUR', 11138, NULL, 1, '01a215d1-440a-7614-9aed-170d91f0af3f'),
	('01a215d1-4ab7-788b-8e53-8460ee612b87', 2, 1, '2026-02-01', 9, 'EUR', -9000, NULL, 1, '01a215d1-440a-7614-9aed-170d91f0af3f'),
	('01a215d1-4ab7-788b-8e53-8460ee612b87', 3, 1, '2026-02-01', 15, 'EUR', -360, NULL, 1, '01a215d1-440a-7614-9aed-170d91f0af3f'),
	('01a215d1-4ab7-788b-8e53-8460ee612b87', 4, 1, '2026-02-01', 8, 'EUR', -1778, NULL, 1, '01a215d1-440a-7614-9aed-170d91f0af3f'),
	('01a215d1-4ab7-789b-9ffd-43b6991e4d3f', 1, 1, '2026-02-01', 4, 'USD', 9900, 9900, 2, '01a215d1-440a-7697-85f2-daeba1c37ce6'),
	('01a215d1-4ab7-789b-9ffd-43b6991e4d3f', 2, 1, '2026-02-01', 9, 'USD', -9900, -9900, 2, '01a215d1-440a-7697-85f2-daeba1c37ce6'),
	('01a215d1-4ab7-78b0-9d68-883da46116ae', 1, 1, '2026-02-01', 4, 'USD', 9900, 9900, 2, '01a215d1-440a-76b8-9247-8d930fbe4cb5'),
	('01a215d1-4ab7-78b0-9d68-883da46116ae', 2, 1, '2026-02-01', 9, 'USD', -9900, -9900, 2, '01a215d1-440a-76b8-9247-8d930fbe4cb5'),
	('01a215d1-4ab7-78c0-9cfd-9fb0f4224036', 1, 1, '2026-02-10', 4, 'EUR', 10902, NULL, 1, '01a215d1-495f-7f60-954c-44c715fe0b45'),
	('01a215d1-4ab7-78c0-9cfd-9fb0f4224036', 2, 1, '2026-02-10', 9, 'EUR', -9161, NULL, 1, '01a215d1-495f-7f60-954c-44c715fe0b45'),
	('01a215d1-4ab7-78c0-9cfd-9fb0f4224036', 3, 1, '2026-02-10', 8, 'EUR', -1741, NULL, 1, '01a215d1-495f-7f60-954c-44c715fe0b45'),
	('01a215d1-4b7b-7ed0-8cad-8ebb6d38435d', 1, 1, '2026-01-01', 9, 'EUR', 1000, NULL, 1, '01a215cf-b1a5-7d02-8219-b80a7367d9ec'),
	('01a215d1-4b7b-7ed0-8cad-8ebb6d38435d', 2, 1, '2026-01-01', 8, 'EUR', 190, NULL, 1, '01a215cf-b1a5-7d02-8219-b80a7367d9ec'),
	('01a215d1-4b7b-7ed0-8cad-8ebb6d38435d', 3, 1, '2026-01-01', 4, 'EUR', -500, NULL, 1, '01a215cf-b1a5-7d02-8219-b80a7367d9ec'),
	('01a215d1-4b7b-7ed0-8cad-8ebb6d38435d', 4, 1, '2026-01-01', 10, 'EUR', -690, NULL, 1, '01a215cf-b1a5-7d02-8219-b80a7367d9ec'),
	('01a215d1-4c76-72d4-803b-6e8a2cc979af', 1, 1, '2026-01-01', 17, 'USD', 6000, 6000, 2, '01a215d1-420c-7a5a-87fc-a897cea797bc'),
	('01a215d1-4c76-72d4-803b-6e8a2cc979af', 2, 1, '2026-01-01', 10, 'USD', -6000, -6000, 2, '01a215d1-420c-7a5a-87fc-a897cea797bc'),
	('01a215d1-4db9-780c-8b72-3837322117f2', 1, 1, '2026-01-01', 10, 'EUR', 690, NULL, 1, '01a215cf-b27f-703d-8e2f-048431ee0b47'),
	('01a215d1-4db9-780c-8b72-3837322117f2', 2, 1, '2026-01-01', 4, 'EUR', -690, NULL, 1, '01a215cf-b27f-703d-8e2f-048431ee0b47'),
	('01a215d1-4db9-789b-9313-1585aa88e3d1', 1, 1, '2026-02-01', 10, 'USD', 6000, 6000, 2, '01a215d1-4445-77a9-928e-18f84fafdb98'),
	('01a215d1-4db9-789b-9313-1585aa88e3d1', 2, 1, '2026-02-01', 4, 'USD', -6000, -6000, 2, '01a215d1-4445-77a9-928e-18f84fafdb98'),
	('01a215d1-4e5b-75eb-8405-5579c68abbc8', 1, 1, '2026-02-01', 17, 'EUR', 2000, NULL, 1, 'f58e203f-739d-4552-b812-5c103821ea1b'),
	('01a215d1-4e5b-75eb-8405-5579c68abbc8', 2, 1, '2026-02-01', 4, 'EUR', -2000, NULL, 1, 'f58e203f-739d-4552-b812-5c103821ea1b'),
	('01a215d1-4f47-7641-8a1f-c5328f8378b3', 1, 1, '2026-01-01', 3, 'EUR', 10710, NULL, 1, '01a215cf-b066-7a2d-9455-3181ec85337d'),
	('01a215d1-4f47-7641-8a1f-c5328f8378b3', 2, 1, '2026-01-01', 4, 'EUR', -10710, NULL, 1, '01a215cf-b066-7a2d-9455-3181ec85337d'),
	('01a215d1-4f47-7641-8a1f-c5328f8378b3', 3, 1, '2026-01-01', 18, 'EUR', 317, NULL, 1, '01a215cf-b066-7a2d-9455-3181ec85337d'),
	('01a215d1-4f47-7641-8a1f-c5328f8378b3', 4, 1, '2026-01-01', 3, 'EUR', -317, NULL, 1, '01a215cf-b066-7a2d-9455-3181ec85337d'),
	('01a215d1-502f-7eed-8dd0-60040be3ab50', 1, 1, '2026-01-01', 4, 'EUR', 500, NULL, 1, '01a215cf-b21c-7449-9b00-54ab4b47e831'),
	('01a215d1-502f-7eed-8dd0-60040be3ab50', 2, 1, '2026-01-01', 3, 'EUR', -500, NULL, 1, '01a215cf-b21c-7449-9b00-54ab4b47e831'),
	('01a215d1-5103-7768-8d11-4c05737cb7c8', 1, 1, '2026-01-01', 4, 'USD', -9900, -9900, 2, '01a215d1-4066-7989-9907-55bc13b6739c'),
	('01a215d1-5103-7768-8d11-4c05737cb7c8', 2, 1, '2026-01-01', 9, 'USD', 9900, 9900, 2, '01a215d1-4066-7989-9907-55bc13b6739c'),
	('01a215d1-5257-76f1-8f7f-64778ced8c81', 1, 1, '2026-01-01', 20, 'USD', 9900, 9900, 2, '01a215cf-b45f-7b33-8e72-fe72bff46017'),
	('01a215d1-5257-76f1-8f7f-64778ced8c81', 2, 1, '2026-01-01', 4, 'USD', -9900, -9900, 2, '01a215cf-b45f-7b33-8e72-fe72bff46017') ON CONFLICT DO NOTHING;
INSERT INTO public.finance_postingroute VALUES
	(1, 'invoice_finalized', 'asset', 'debit'),
	(2, 'invoice_finalized_reversal', 'asset', 'credit'),
	(3, 'invoice_finalized', 'income', 'credit'),
	(4, 'invoice_finalized_reversal', 'income', 'debit'),
	(5, 'invoice_finalized', 'income', 'debit'),
	(6, 'invoice_finalized_reversal', 'income', 'credit'),
	(7, 'invoice_finalized', 'liability', 'credit'),
	(8, 'invoice_finalized_reversal', 'liability', 'debit'),
	(9, 'invoice_finalized', 'liability', 'debit'),
	(10, 'invoice_finalized_reversal', 'liability', 'credit'),
	(11, 'credit_note_issued', 'asset', 'credit'),
	(12, 'credit_note_issued_reversal', 'asset', 'debit'),
	(13, 'credit_note_issued', 'income', 'credit'),
	(14, 'credit_note_issued_reversal', 'income', 'debit'),
	(15, 'credit_note_issued', 'income', 'debit'),
	(16, 'credit_note_issued_reversal', 'income', 'credit'),
	(17, 'credit_note_issued', 'liability', 'credit'),
	(18, 'credit_note_issued_reversal', 'liability', 'debit'),
	(19, 'credit_note_issued', 'liability', 'debit'),
	(20, 'credit_note_issued_reversal', 'liability', 'credit'),
	(21, 'credit_granted', 'income', 'debit'),
	(22, 'credit_granted_reversal', 'income', 'credit'),
	(23, 'credit_granted', 'liability', 'credit'),
	(24, 'credit_granted_reversal', 'liability', 'debit'),
	(25, 'credit_withdrawn', 'income', 'credit'),
	(26, 'credit_withdrawn_reversal', 'income', 'debit'),
	(27, 'credit_withdrawn', 'liability', 'debit'),
	(28, 'credit_withdrawn_reversal', 'liability', 'credit'),
	(29, 'credit_applied', 'asset', 'credit'),
	(30, 'credit_applied_reversal', 'asset', 'debit'),
	(31, 'credit_applied', 'liability', 'debit'),
	(32, 'credit_applied_reversal', 'liability', 'credit'),
	(33, 'credit_returned', 'asset', 'debit'),
	(34, 'credit_returned_reversal', 'asset', 'credit'),
	(35, 'credit_returned', 'liability', 'credit'),
	(36, 'credit_returned_reversal', 'liability', 'debit'),
	(37, 'prepaid_applied', 'asset', 'credit'),
	(38, 'prepaid_applied_reversal', 'asset', 'debit'),
	(39, 'prepaid_applied', 'income', 'debit'),
	(40, 'prepaid_applied_reversal', 'income', 'credit'),
	(41, 'prepaid_applied', 'liability', 'debit'),
	(42, 'prepaid_applied_reversal', 'liability', 'credit'),
	(43, 'prepaid_returned', 'asset', 'debit'),
	(44, 'prepaid_returned_reversal', 'asset', 'credit'),
	(45, 'prepaid_returned', 'income', 'credit'),
	(46, 'prepaid_returned_reversal', 'income', 'debit'),
	(47, 'prepaid_returned', 'liability', 'credit'),
	(48, 'prepaid_returned_reversal', 'liability', 'debit'),
	(49, 'prepaid_expired', 'income', 'credit'),
	(50, 'prepaid_expired_reversal', 'income', 'debit'),
	(51, 'prepaid_expired', 'liability', 'debit'),
	(52, 'prepaid_expired_reversal', 'liability', 'credit'),
	(53, 'payment_captured', 'asset', 'credit'),
	(54, 'payment_captured_reversal', 'asset', 'debit'),
	(55, 'payment_captured', 'asset', 'debit'),
	(56, 'payment_captured_reversal', 'asset', 'credit'),
	(57, 'payment_captured', 'expense', 'debit'),
	(58, 'payment_captured_reversal', 'expense', 'credit'),
	(59, 'processor_fee_charged', 'asset', 'credit'),
	(60, 'processor_fee_charged_reversal', 'asset', 'debit'),
	(61, 'processor_fee_charged', 'expense', 'debit'),
	(62, 'processor_fee_charged_reversal', 'expense', 'credit'),
	(63, 'refund_paid', 'asset', 'credit'),
	(64, 'refund_paid_reversal', 'asset', 'debit'),
	(65, 'refund_paid', 'asset', 'debit'),
	(66, 'refund_paid_reversal', 'asset', 'credit'),
	(67, 'invoice_written_off', 'asset', 'credit'),
	(68, 'invoice_written_off_reversal', 'asset', 'debit'),
	(69, 'invoice_written_off', 'asset', 'debit'),
	(70, 'invoice_written_off_reversal', 'asset', 'credit'),
	(71, 'invoice_written_off', 'expense', 'debit'),
	(72, 'invoice_written_off_reversal', 'expense', 'credit'),
	(73, 'revenue_recognized', 'income', 'credit'),
	(74, 'revenue_recognized_reversal', 'income', 'debit'),
	(75, 'revenue_recognized', 'liability', 'debit'),
	(76, 'revenue_recognized_reversal', 'liability', 'credit') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_billingpolicy VALUES
	(1, 'own', 1, 'Our own: by days, from what was billed', 'day', 'later', 'earlier', 'whole_period', 'billed_amount', 'line', NULL, 'change_day', 'trial_end', 'credit', 'immediate', 'period_end', 'period_end', false, '2000-01-01 00:00:00+00', NULL, 'open'),
	(3, 'killbill', 1, 'As Kill Bill: by days, the last one free', 'day', 'later', 'later', 'next_cycle', 'billed_amount', 'line', 9, 'billing_day', 'trial_end', 'credit', 'immediate', 'immediate', 'immediate', true, '2000-01-01 00:00:00+00', NULL, 'open'),
	(4, 'stripe', 1, 'As Stripe: by seconds, from the price', 'second', 'later', 'later', 'whole_period', 'current_price', 'line', NULL, 'change_day', 'trial_end', 'credit', 'immediate', 'immediate', 'immediate', false, '2000-01-01 00:00:00+00', NULL, 'open'),
	(2, 'lago', 1, 'As Lago: by days, from the price', 'day', 'later', 'earlier', 'whole_period', 'current_price', 'note', NULL, 'anniversary', 'start', 'credit', 'immediate', 'period_end', '', true, '2000-01-01 00:00:00+00', 5, 'later') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_eventsource VALUES
	(1, 'source 2', 'ttt_ApZX1Ynt', '\x47e4afbcd3b4340c8e6c8d0594f44d83b2fbbdcbb16a34e940ad2b001d464ca8', '2026-01-01 00:00:00+00', NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_policyrule VALUES
	(1, '', NULL, '', '2000-01-01 00:00:00+00', '2000-01-01 00:00:00+00', NULL, NULL, 1, NULL) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_subscriptionphase VALUES
	(2, 1, '2026-01-01 00:00:00+00', NULL, 3, 2),
	(3, 1, '2026-01-01 00:00:00+00', NULL, 6, 3),
	(1, 1, '2025-12-31 23:00:00+00', '2026-02-09 23:00:00+00', 1, 1),
	(4, 2, '2026-02-09 23:00:00+00', NULL, 5, 1) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_usageclosing VALUES
	(1, '2026-01-31 23:00:00+00', 1, 1),
	(2, '2026-02-01 00:00:00+00', 2, 1) ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_usagedelta VALUES
	(1, 1, 1, '2026-01-15', 1, 500.0000000000, 500.0000000000, '{}') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_usageevent VALUES
	(1, 'event-1', '2026-01-15 00:00:00+00', 1, 1, 500.0000000000, '2026-01-15 00:00:00+00', '2026-01-15', NULL, '2026-01-15 00:00:00+00') ON CONFLICT DO NOTHING;
INSERT INTO public.subscriptions_usageeventkey VALUES
	(1, 'event-1', '2026-01-15 00:00:00+00', '\x977c9c72f96ea9d5ff817a0aab1b63d8a680477b21b57dd5c4cb60f5bcae205b') ON CONFLICT DO NOTHING;
SELECT pg_catalog.setval('public.accounts_user_groups_id_seq', 1, false);
SELECT pg_catalog.setval('public.accounts_user_id_seq', 1, false);
SELECT pg_catalog.setval('public.accounts_user_user_permissions_id_seq', 1, false);
SELECT pg_catalog.setval('public.analytics_mrrmovement_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_announcement_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_announcing_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_billingfailure_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_billingrun_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_coupon_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_coupon_meters_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_coupon_plans_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_couponredemption_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_couponuse_id_seq', 3, true);
SELECT pg_catalog.setval('public.billing_creditbalance_id_seq', 4, true);
SELECT pg_catalog.setval('public.billing_gatewaycall_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_gatewaycustomer_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_gatewayhealth_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_instrumenttoken_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_noticerefusal_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_numberingrule_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_numberseries_id_seq', 7, true);
SELECT pg_catalog.setval('public.billing_outcomestatistic_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_paymentdecision_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_paymentevent_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_paymentlimit_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_paymentmethod_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_paymentreview_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_planchange_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_processorfeerule_id_seq', 8, true);
SELECT pg_catalog.setval('public.billing_routingpolicy_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_routingrule_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_taxrate_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_thresholdcrossing_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_topup_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_unusedcredit_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_usagealert_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_usagebudget_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_wallet_id_seq', 1, true);
SELECT pg_catalog.setval('public.billing_webhookendpoint_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_webhookevent_id_seq', 1, false);
SELECT pg_catalog.setval('public.billing_webhooktry_id_seq', 1, false);
SELECT pg_catalog.setval('public.finance_account_id_seq', 24, true);
SELECT pg_catalog.setval('public.finance_entity_id_seq', 1, true);
SELECT pg_catalog.setval('public.finance_journalentry_seq_seq', 17, true);
SELECT pg_catalog.setval('public.finance_nothingtopost_id_seq', 1, false);
SELECT pg_catalog.setval('public.finance_postingroute_id_seq', 108, true);
SELECT pg_catalog.setval('public.subscriptions_billingpolicy_id_seq', 4, true);
SELECT pg_catalog.setval('public.subscriptions_customer_id_seq', 2, true);
SELECT pg_catalog.setval('public.subscriptions_customerclock_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_customermember_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_eventsource_id_seq', 1, true);
SELECT pg_catalog.setval('public.subscriptions_feature_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_featuregrant_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_featureoverride_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_meter_id_seq', 1, true);
SELECT pg_catalog.setval('public.subscriptions_plan_id_seq', 6, true);
SELECT pg_catalog.setval('public.subscriptions_planversion_id_seq', 6, true);
SELECT pg_catalog.setval('public.subscriptions_policyrule_id_seq', 1, true);
SELECT pg_catalog.setval('public.subscriptions_price_id_seq', 9, true);
SELECT pg_catalog.setval('public.subscriptions_product_id_seq', 1, true);
SELECT pg_catalog.setval('public.subscriptions_rejectedevent_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_spendingthreshold_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_subscription_id_seq', 3, true);
SELECT pg_catalog.setval('public.subscriptions_subscriptionphase_id_seq', 4, true);
SELECT pg_catalog.setval('public.subscriptions_subscriptiontransition_id_seq', 4, true);
SELECT pg_catalog.setval('public.subscriptions_tier_id_seq', 1, false);
SELECT pg_catalog.setval('public.subscriptions_usageclosing_id_seq', 2, true);
SELECT pg_catalog.setval('public.subscriptions_usagedelta_id_seq', 1, true);
