using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Skylight.EndToEnd.Tests.DicomWeb;

namespace Skylight.EndToEnd.Tests.Access;

/// <summary>A sender whose answer was lost sends again under the same key: nothing more is made, and it hears what was. Another request under that key is not taken for the first.</summary>
public sealed class IdempotencyTests(EdgeFixture edge) : IClassFixture<EdgeFixture>
{
    [Theory]
    [InlineData("institution-admin", "api/statistics", "{\"name\":\"CT\",\"by\":[\"modality\",\"level\"]}", "by", "[\"level\",\"modality\"]")]
    [InlineData("institution-admin", "api/care-relations", "{\"account\":\"clinician@demo\",\"patientId\":\"K-1\",\"until\":\"2099-01-01T00:00:00Z\",\"ground\":\"ward\"}", "patientId", "\"K-2\"")]
    [InlineData("institution-admin", "api/person-links", "{\"person\":\"patient@demo\",\"patientId\":\"K-1\",\"method\":\"documentInPerson\",\"ground\":\"desk\"}", "ground", "\"post\"")]
    [InlineData("security-admin", "api/maintenance", "{\"kind\":\"verification\",\"depth\":\"quick\"}", "depth", "\"deep\"")]
    [InlineData("system-admin", "api/institutions", "{\"code\":\"hosp-k\",\"name\":\"第七医院\"}", null, null)]
    public async Task Post_SentAgain_AnswersWhatWasMade_AndAnotherUnderItsKeyIsRefused(string role, string address, string body, string? member, string? value)
    {
        using var client = await edge.ClientAsync(role);
        if (address == "api/care-relations")
        {
            // Its end is named, and lies within a year.
            var soon = JsonNode.Parse(body)!;
            soon["until"] = DateTimeOffset.UtcNow.AddDays(100);
            body = soon.ToJsonString(JsonSerializerOptions.Default);
        }

        var first = await PostAsync(client, address, body, "k-1");
        var again = await PostAsync(client, address, body, "k-1");
        Assert.True(first.Status is 201 or 202, $"{first.Status} {first.Body}");
        Assert.Equal((first.Status, Id(first.Body)), (again.Status, Id(again.Body)));
        if (member is null)
        {
            // Without the key it is somebody else's.
            Assert.Equal(409, (await PostAsync(client, address, body, null)).Status);
            return;
        }

        var other = JsonNode.Parse(body)!;
        other[member] = JsonNode.Parse(value!);
        var refused = await PostAsync(client, address, other.ToJsonString(JsonSerializerOptions.Default), "k-1");
        Assert.Equal((422, "idempotency-key-reused"), (refused.Status, refused.Body["code"]?.GetValue<string>()));
    }

    private static string Id(JsonObject body) => (body["id"] ?? body["code"])!.GetValue<string>();

    private static async Task<(int Status, JsonObject Body)> PostAsync(HttpClient client, string address, string body, string? key)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = RouteWorld.Json(body) };
        if (key is not null) request.Headers.Add("Idempotency-Key", key);
        using var answer = await client.SendAsync(request);
        return ((int)answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonObject>())!);
    }
}
