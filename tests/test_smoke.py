def test_a_key_opens_what_its_scopes_say(make_user, make_key, client_of, django_assert_num_queries):
    client = client_of(make_key(make_user("ann", "docs:read"), "docs:read"))
    assert client.get("/read-only/").status_code == 200
    with django_assert_num_queries(1):
        assert client.get("/read-only/").status_code == 200
    assert client.post("/read-only/").json()["code"] == "undeclared"
    assert client.get("/report/").json()["code"] == "insufficient_scope"
    assert client.get("/admin-only/").json()["code"] == "undeclared"
