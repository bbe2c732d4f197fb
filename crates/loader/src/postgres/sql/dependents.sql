-- What hangs on columns that are about to be replaced, and the statements that take it away and make it again.
-- Names come out qualified, since nothing is in the search path.

CREATE OR REPLACE FUNCTION pg_temp.clarion_comment(kind text, named text, said text) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
  SELECT format('COMMENT ON %s %s IS %L', kind, named, said) WHERE said IS NOT NULL
$body$;

-- The rights on a relation, or on one column of it, as they are: those that defaults would give are taken back first.
CREATE OR REPLACE FUNCTION pg_temp.clarion_grants(rights aclitem[], named text, inside text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
  SELECT ARRAY(SELECT format('GRANT %s%s ON %s TO %s%s', privilege_type, inside, named,
      CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM aclexplode(rights))
$body$;

CREATE OR REPLACE FUNCTION pg_temp.clarion_revoke_all(named text) RETURNS text
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
  SELECT format($do$DO $$ DECLARE who text; BEGIN
    FOR who IN SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC'
        ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END
      FROM pg_catalog.pg_class c, pg_catalog.aclexplode(coalesce(c.relacl, pg_catalog.acldefault('r', c.relowner)))
      WHERE c.oid = %L::pg_catalog.regclass
    LOOP EXECUTE pg_catalog.format('REVOKE ALL ON %%s FROM %%s', %L, who); END LOOP;
  END $$$do$, named, named)
$body$;

-- Makes an index where it was.
CREATE OR REPLACE FUNCTION pg_temp.clarion_in_space(space oid, made text) RETURNS text[]
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $body$
  SELECT ARRAY['SET default_tablespace = ' || coalesce((SELECT quote_literal(spcname) FROM pg_tablespace WHERE oid = space),
    quote_literal('')), made, 'RESET default_tablespace']
$body$;

-- A view, or a materialized one, with everything on it.
CREATE OR REPLACE FUNCTION pg_temp.clarion_view(view oid) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  c pg_class := (SELECT r FROM pg_class r WHERE r.oid = view);
  named text := view::regclass::text;
  kind text := CASE c.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END;
  columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = view AND attnum > 0 AND NOT attisdropped);
  space text := (SELECT ' TABLESPACE ' || quote_ident(spcname) FROM pg_tablespace
    WHERE oid = c.reltablespace);
  made text[];
BEGIN
  made := ARRAY[format('CREATE %s %s (%s)%s%s AS %s%s', kind, named, columns,
    ' WITH (' || array_to_string(c.reloptions, ', ') || ')', space,
    rtrim(pg_get_viewdef(view), ';'),
    CASE WHEN c.relkind = 'v' THEN '' WHEN c.relispopulated THEN ' WITH DATA' ELSE ' WITH NO DATA' END)];
  made := made || ARRAY(SELECT format('ALTER VIEW %s ALTER COLUMN %I SET DEFAULT %s', named, a.attname,
      pg_get_expr(d.adbin, d.adrelid)) FROM pg_attrdef d
    JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = view);
  made := made || ARRAY(SELECT unnest(pg_temp.clarion_in_space(i.reltablespace, pg_get_indexdef(x.indexrelid)))
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = view);
  made := made || ARRAY(SELECT format('ALTER MATERIALIZED VIEW %s CLUSTER ON %I', named, i.relname)
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indrelid = view AND x.indisclustered);
  made := made || ARRAY(SELECT pg_get_ruledef(oid) FROM pg_rewrite
    WHERE ev_class = view AND rulename <> '_RETURN' ORDER BY rulename);
  made := made || ARRAY(SELECT pg_get_triggerdef(oid) FROM pg_trigger
    WHERE tgrelid = view AND NOT tgisinternal ORDER BY tgname);
  made := made || ARRAY(SELECT pg_temp.clarion_comment(kind, named, obj_description(view, 'pg_class')));
  made := made || ARRAY(SELECT pg_temp.clarion_comment('COLUMN', named || '.' || quote_ident(attname),
      col_description(view, attnum)) FROM pg_attribute WHERE attrelid = view AND attnum > 0);
  made := made || ARRAY(SELECT pg_temp.clarion_comment('INDEX', indexrelid::regclass::text,
      obj_description(indexrelid, 'pg_class')) FROM pg_index WHERE indrelid = view);
  made := made || format('ALTER %s %s OWNER TO %I', kind, named, pg_get_userbyid(c.relowner));
  IF c.relacl IS NOT NULL OR EXISTS (SELECT 1 FROM pg_default_acl WHERE defaclobjtype = 'r') THEN
    made := made || pg_temp.clarion_revoke_all(named);
    made := made || pg_temp.clarion_grants(coalesce(c.relacl, acldefault('r', c.relowner)), named, '');
  END IF;
  made := made || ARRAY(SELECT unnest(pg_temp.clarion_grants(attacl, named, format(' (%I)', attname)))
    FROM pg_attribute WHERE attrelid = view AND attnum > 0 AND attacl IS NOT NULL);
  RETURN array_remove(made, NULL);
END
$body$;

-- What stands outside the table's own definition, in the order in which it is made again; it is taken away in reverse.
-- `rebuild` is null for what nobody here knows how to make again.
CREATE OR REPLACE FUNCTION pg_temp.clarion_dependents(target oid, attributes smallint[])
RETURNS TABLE (what text, removal text, rebuild text[]) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  views oid[] := '{}';
  item record;
BEGIN
  FOR item IN
    WITH RECURSIVE found (oid, depth) AS (
        SELECT c.oid, 1 FROM pg_depend d
        JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        JOIN pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm')
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = target
          AND d.refobjsubid = ANY (attributes)
      UNION
        SELECT c.oid, f.depth + 1 FROM found f
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = f.oid
        JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
        JOIN pg_class c ON c.oid = r.ev_class AND c.relkind IN ('v', 'm') AND c.oid <> f.oid
        WHERE f.depth < 100)
    SELECT c.oid, c.relkind, max(f.depth) AS depth FROM found f JOIN pg_class c ON c.oid = f.oid
    GROUP BY c.oid, c.relkind ORDER BY 3, 1
  LOOP
    views := views || item.oid;
    what := (CASE item.relkind WHEN 'm' THEN 'materialized view ' ELSE 'view ' END) || item.oid::regclass;
    removal := 'DROP ' || (CASE item.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'VIEW ' END)
      || item.oid::regclass;
    rebuild := pg_temp.clarion_view(item.oid);
    RETURN NEXT;
  END LOOP;
  RETURN QUERY SELECT p.* FROM (
    SELECT DISTINCT ON (d.classid, d.objid) d.classid, d.objid, d.refobjid FROM pg_depend d
    WHERE d.refclassid = 'pg_class'::regclass
      AND (d.refobjid = target AND d.refobjsubid = ANY (attributes) OR d.refobjid = ANY (views))) AS d,
    LATERAL pg_temp.clarion_part(d.classid, d.objid, target, attributes, views) AS p;
END
$body$;

-- One object that depends on a column or on a view of it; no row for what other places take care of.
CREATE OR REPLACE FUNCTION pg_temp.clarion_part(class oid, object oid, target oid, attributes smallint[], views oid[])
RETURNS TABLE (what text, removal text, rebuild text[]) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  item record;
  on_table text := target::regclass::text;
BEGIN
  what := pg_describe_object(class, object, 0);
  IF class = 'pg_rewrite'::regclass THEN
    SELECT r.*, c.relkind, r.ev_class::regclass AS place INTO item FROM pg_rewrite r
      JOIN pg_class c ON c.oid = r.ev_class WHERE r.oid = object;
    -- The views' own rules, and rules on them, come with them.
    IF item.relkind IN ('v', 'm') THEN RETURN; END IF;
    removal := format('DROP RULE %I ON %s', item.rulename, item.place);
    rebuild := ARRAY[pg_get_ruledef(object)] || CASE item.ev_enabled
      WHEN 'D' THEN ARRAY[format('ALTER TABLE %s DISABLE RULE %I', item.place, item.rulename)]
      WHEN 'R' THEN ARRAY[format('ALTER TABLE %s ENABLE REPLICA RULE %I', item.place, item.rulename)]
      WHEN 'A' THEN ARRAY[format('ALTER TABLE %s ENABLE ALWAYS RULE %I', item.place, item.rulename)]
      ELSE '{}'::text[] END;
  ELSIF class = 'pg_policy'::regclass THEN
    SELECT p.*, p.polrelid::regclass AS place, (SELECT string_agg(
        CASE role WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(role)) END, ', ')
        FROM unnest(p.polroles) role) AS roles
      INTO item FROM pg_policy p WHERE p.oid = object;
    removal := format('DROP POLICY %I ON %s', item.polname, item.place);
    rebuild := ARRAY[format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', item.polname, item.place,
        CASE WHEN item.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
        CASE item.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE'
          ELSE 'ALL' END, item.roles,
        ' USING (' || pg_get_expr(item.polqual, item.polrelid) || ')',
        ' WITH CHECK (' || pg_get_expr(item.polwithcheck, item.polrelid) || ')'),
      pg_temp.clarion_comment('POLICY', format('%I ON %s', item.polname, item.place),
        obj_description(object, 'pg_policy'))];
  ELSIF class = 'pg_trigger'::regclass THEN
    SELECT t.*, t.tgrelid::regclass AS place INTO item FROM pg_trigger t WHERE t.oid = object;
    IF item.tgrelid = ANY (views) THEN RETURN; END IF;
    removal := format('DROP TRIGGER %I ON %s', item.tgname, item.place);
    rebuild := ARRAY[pg_get_triggerdef(object), CASE item.tgenabled
        WHEN 'D' THEN format('ALTER TABLE %s DISABLE TRIGGER %I', item.place, item.tgname)
        WHEN 'R' THEN format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', item.place, item.tgname)
        WHEN 'A' THEN format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', item.place, item.tgname) END,
      pg_temp.clarion_comment('TRIGGER', format('%I ON %s', item.tgname, item.place),
        obj_description(object, 'pg_trigger'))];
  ELSIF class = 'pg_statistic_ext'::regclass THEN
    SELECT s.*, format('%I.%I', n.nspname, s.stxname) AS named INTO item FROM pg_statistic_ext s
      JOIN pg_namespace n ON n.oid = s.stxnamespace WHERE s.oid = object;
    removal := 'DROP STATISTICS ' || item.named;
    rebuild := ARRAY[pg_get_statisticsobjdef(object),
      'ALTER STATISTICS ' || item.named || ' SET STATISTICS ' || nullif(item.stxstattarget, -1),
      pg_temp.clarion_comment('STATISTICS', item.named, obj_description(object, 'pg_statistic_ext')),
      format('ALTER STATISTICS %s OWNER TO %I', item.named, pg_get_userbyid(item.stxowner))];
  ELSIF class = 'pg_publication_rel'::regclass THEN
    SELECT p.pubname, r.*, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = r.prrelid
          AND a.attnum = ANY (string_to_array(r.prattrs::text, ' ')::smallint[])) AS listed
      INTO item FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
      WHERE r.oid = object;
    removal := format('ALTER PUBLICATION %I DROP TABLE %s', item.pubname, item.prrelid::regclass);
    rebuild := ARRAY[format('ALTER PUBLICATION %I ADD TABLE %s%s%s', item.pubname,
        item.prrelid::regclass, ' (' || item.listed || ')',
        ' WHERE (' || pg_get_expr(item.prqual, item.prrelid) || ')')];
  ELSIF class = 'pg_attrdef'::regclass AND EXISTS (SELECT 1 FROM pg_attrdef
      WHERE oid = object AND (adrelid = target AND adnum = ANY (attributes) OR adrelid = ANY (views))) THEN
    RETURN;
  ELSIF class = 'pg_class'::regclass AND EXISTS (SELECT 1 FROM pg_index
      WHERE indexrelid = object AND (indrelid = target OR indrelid = ANY (views))) THEN
    RETURN;
  -- The long values of a materialized view.
  ELSIF class = 'pg_class'::regclass AND EXISTS (SELECT 1 FROM pg_class WHERE reltoastrelid = object AND oid = ANY (views)) THEN
    RETURN;
  ELSIF class = 'pg_type'::regclass AND EXISTS (SELECT 1 FROM pg_type t
      LEFT JOIN pg_type e ON e.oid = t.typelem
      WHERE t.oid = object AND (t.typrelid = ANY (views) OR e.typrelid = ANY (views))) THEN
    RETURN;
  ELSIF class = 'pg_constraint'::regclass AND EXISTS (SELECT 1 FROM pg_constraint
      WHERE oid = object AND conrelid = target AND contype IN ('c', 'u', 'n')) THEN
    RETURN;
  END IF;
  rebuild := array_remove(rebuild, NULL);
  RETURN NEXT;
END
$body$;

-- What the column itself carries beside its type and its default.
CREATE OR REPLACE FUNCTION pg_temp.clarion_column(target oid, attribute smallint) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  named text := target::regclass::text;
  a pg_attribute := (SELECT r FROM pg_attribute r WHERE attrelid = target AND attnum = attribute);
  alter_column text := format('ALTER TABLE %s ALTER COLUMN %I ', named, a.attname);
  -- Before version 14 columns had none.
  compression text := to_jsonb(a) ->> 'attcompression';
BEGIN
  RETURN array_remove(ARRAY[
      pg_temp.clarion_comment('COLUMN', named || '.' || quote_ident(a.attname),
        col_description(target, attribute)),
      alter_column || 'SET STATISTICS ' || nullif(a.attstattarget, -1),
      alter_column || 'SET (' || array_to_string(a.attoptions, ', ') || ')',
      CASE WHEN a.attstorage <> (SELECT typstorage FROM pg_type WHERE oid = a.atttypid)
        THEN alter_column || 'SET STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL'
          WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END,
      CASE compression WHEN 'p' THEN alter_column || 'SET COMPRESSION pglz'
        WHEN 'l' THEN alter_column || 'SET COMPRESSION lz4' END,
      CASE WHEN a.attnotnull THEN alter_column || 'SET NOT NULL' END]
    || pg_temp.clarion_grants(a.attacl, named, format(' (%I)', a.attname)), NULL);
END
$body$;

-- Indexes and constraints of the table on the columns: built on the columns that are to replace them, under a name of
-- ours, before anybody is locked out; `finish` gives them their place. How they read on the other columns is found out
-- on an empty copy of the table, by the server itself.
CREATE OR REPLACE FUNCTION pg_temp.clarion_transposed(target oid, olds text[], shadows text[], prefix text)
RETURNS TABLE (what text, alone boolean, build text[], finish text[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $body$
DECLARE
  named text := target::regclass::text;
  place text := (SELECT quote_ident(n.nspname) FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = target);
  attributes smallint[] := ARRAY(SELECT attnum FROM pg_attribute
    WHERE attrelid = target AND attname = ANY (olds) AND NOT attisdropped);
  item record;
  made text;
  clone oid;
BEGIN
  EXECUTE format('CREATE TEMPORARY TABLE clarion_clone AS SELECT * FROM %s WITH NO DATA', named);
  clone := 'pg_temp.clarion_clone'::regclass;
  FOR n IN 1 .. cardinality(olds) LOOP
    EXECUTE format('ALTER TABLE pg_temp.clarion_clone DROP COLUMN %I', olds[n]);
    EXECUTE format('ALTER TABLE pg_temp.clarion_clone RENAME COLUMN %I TO %I', shadows[n], olds[n]);
  END LOOP;
  FOR item IN
    SELECT x.*, i.relname, c.conname, c.oid AS constraint_oid, i.reltablespace,
      substr(pg_get_indexdef(i.oid), length(format('CREATE %sINDEX %I ON %s ',
        CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END, i.relname, named)) + 1) AS definition,
      CASE WHEN c.condeferrable THEN ' DEFERRABLE' || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
        ELSE '' END AS deferral
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
    LEFT JOIN pg_constraint c ON c.conindid = i.oid AND c.contype = 'u'
    WHERE x.indrelid = target AND (attributes && x.indkey::smallint[] OR EXISTS (SELECT 1 FROM pg_depend d
      WHERE d.classid = 'pg_class'::regclass AND d.objid = i.oid
        AND d.refobjid = target AND d.refobjsubid = ANY (attributes)))
  LOOP
    what := 'index ' || quote_ident(item.relname);
    BEGIN
      EXECUTE format('CREATE %sINDEX clarion_index ON pg_temp.clarion_clone %s',
        CASE WHEN item.indisunique THEN 'UNIQUE ' ELSE '' END, item.definition);
    EXCEPTION WHEN OTHERS THEN
      RAISE EXCEPTION '%: %', what, SQLERRM USING ERRCODE = 'CLA01';
    END;
    FOR n IN 1 .. cardinality(olds) LOOP
      EXECUTE format('ALTER TABLE pg_temp.clarion_clone RENAME COLUMN %I TO %I', olds[n], shadows[n]);
    END LOOP;
    made := pg_get_indexdef('pg_temp.clarion_index'::regclass);
    made := substr(made, strpos(made, ' USING '));
    FOR n IN 1 .. cardinality(olds) LOOP
      EXECUTE format('ALTER TABLE pg_temp.clarion_clone RENAME COLUMN %I TO %I', shadows[n], olds[n]);
    END LOOP;
    DROP INDEX pg_temp.clarion_index;
    alone := true;
    build := pg_temp.clarion_in_space(item.reltablespace, format('CREATE %sINDEX CONCURRENTLY %I ON %s%s',
      CASE WHEN item.indisunique THEN 'UNIQUE ' ELSE '' END, prefix || item.indexrelid, named, made));
    finish := CASE WHEN item.conname IS NULL
      THEN ARRAY[format('ALTER INDEX %s.%I RENAME TO %I', place, prefix || item.indexrelid, item.relname)]
      ELSE ARRAY[format('ALTER TABLE %s ADD CONSTRAINT %I UNIQUE USING INDEX %I%s', named, item.conname,
        prefix || item.indexrelid, item.deferral)] END
      || pg_temp.clarion_comment('INDEX', format('%s.%I', place, item.relname),
        obj_description(item.indexrelid, 'pg_class'))
      || CASE WHEN item.conname IS NOT NULL THEN pg_temp.clarion_comment('CONSTRAINT',
        format('%I ON %s', item.conname, named), obj_description(item.constraint_oid, 'pg_constraint')) END
      || CASE WHEN item.indisclustered THEN format('ALTER TABLE %s CLUSTER ON %I', named, item.relname) END
      || CASE WHEN item.indisreplident
        THEN format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', named, item.relname) END;
    finish := array_remove(finish, NULL);
    RETURN NEXT;
  END LOOP;
  FOR item IN
    SELECT c.*, pg_get_constraintdef(c.oid) AS definition FROM pg_constraint c
    WHERE c.conrelid = target AND c.contype = 'c' AND attributes && c.conkey
  LOOP
    what := 'constraint ' || quote_ident(item.conname);
    BEGIN
      EXECUTE format('ALTER TABLE pg_temp.clarion_clone ADD CONSTRAINT clarion_check %s', item.definition);
    EXCEPTION WHEN OTHERS THEN
      RAISE EXCEPTION '%: %', what, SQLERRM USING ERRCODE = 'CLA01';
    END;
    FOR n IN 1 .. cardinality(olds) LOOP
      EXECUTE format('ALTER TABLE pg_temp.clarion_clone RENAME COLUMN %I TO %I', olds[n], shadows[n]);
    END LOOP;
    made := (SELECT pg_get_constraintdef(oid) FROM pg_constraint
      WHERE conrelid = clone AND conname = 'clarion_check');
    FOR n IN 1 .. cardinality(olds) LOOP
      EXECUTE format('ALTER TABLE pg_temp.clarion_clone RENAME COLUMN %I TO %I', shadows[n], olds[n]);
    END LOOP;
    ALTER TABLE pg_temp.clarion_clone DROP CONSTRAINT clarion_check;
    alone := false;
    build := array_remove(ARRAY[
      format('ALTER TABLE %s ADD CONSTRAINT %I %s%s', named, prefix || item.oid, made,
        CASE WHEN item.convalidated THEN ' NOT VALID' ELSE '' END),
      CASE WHEN item.convalidated THEN format('ALTER TABLE %s VALIDATE CONSTRAINT %I', named, prefix || item.oid) END],
      NULL);
    finish := array_remove(ARRAY[
      format('ALTER TABLE %s RENAME CONSTRAINT %I TO %I', named, prefix || item.oid, item.conname),
      pg_temp.clarion_comment('CONSTRAINT', format('%I ON %s', item.conname, named),
        obj_description(item.oid, 'pg_constraint'))], NULL);
    RETURN NEXT;
  END LOOP;
  DROP TABLE pg_temp.clarion_clone;
END
$body$;
