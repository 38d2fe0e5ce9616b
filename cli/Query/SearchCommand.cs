using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Spectre.Console;

namespace Skylight.Cli.Query;

/// <summary><c>skylight search</c>: studies of the institution, by free keywords (<c>GET /api/studies</c>) or by QIDO-RS.</summary>
public static class SearchCommand
{
    public static Command Create()
    {
        var keywords = new Argument<string[]>("keywords") { Description = "Words to look for: a name in Chinese, in pinyin or by its initials, an identifier, words of description or report.", Arity = ArgumentArity.ZeroOrMore };
        var finding = new Option<string?>("--finding") { Description = "With or instead of keywords: a coded finding of a report, SCT:27925004." };
        var bodyPart = new Option<string?>("--body-part") { Description = "With keywords: CHEST, HEAD …" };
        var patientId = new Option<string?>("--patient-id") { Description = "Patient ID; * and ? stand for any characters." };
        var patientName = new Option<string?>("--patient-name") { Description = "Name in any script: 张*, Zhang*, Müller^Jürgen." };
        var date = new Option<string?>("--date") { Description = "Study date YYYYMMDD, or a range YYYYMMDD-YYYYMMDD with one end or both." };
        var modality = new Option<string?>("--modality") { Description = "Modality in the study: CT, MR, CR …; several joined by commas." };
        var accession = new Option<string?>("--accession") { Description = "Accession number." };
        var uid = new Option<string?>("--uid") { Description = "Study Instance UID; several joined by commas." };
        var limit = new Option<int>("--limit") { Description = "Most studies to list.", DefaultValueFactory = _ => 100 };
        var offset = new Option<int>("--offset") { Description = "Studies to pass over." };
        var command = new Command("search", "List studies, newest first.") { keywords, finding, bodyPart, patientId, patientName, date, modality, accession, uid, limit, offset };
        command.SetAction((parsed, cancellationToken) =>
        {
            if (parsed.GetValue(keywords) is { Length: > 0 } || parsed.GetValue(finding) is not null || parsed.GetValue(bodyPart) is not null)
            {
                if (parsed.GetValue(patientName) is not null || parsed.GetValue(uid) is not null || parsed.GetValue(offset) != 0)
                    throw new CliException(ExitCode.Usage, "--patient-name, --uid and --offset cannot be combined with keywords.");
                return KeywordsAsync(parsed, [
                    ("q", string.Join(' ', parsed.GetValue(keywords) ?? [])), ("finding", parsed.GetValue(finding)), ("bodyPart", parsed.GetValue(bodyPart)),
                    ("patientId", parsed.GetValue(patientId)), ("date", parsed.GetValue(date)), ("modality", parsed.GetValue(modality)), ("accession", parsed.GetValue(accession)),
                ], parsed.GetValue(limit), cancellationToken);
            }

            var keys = new List<(string Name, string? Value)>
            {
                ("PatientID", parsed.GetValue(patientId)),
                ("PatientName", parsed.GetValue(patientName)),
                ("StudyDate", parsed.GetValue(date)),
                ("ModalitiesInStudy", parsed.GetValue(modality)),
                ("AccessionNumber", parsed.GetValue(accession)),
                ("StudyInstanceUID", parsed.GetValue(uid)),
                ("limit", parsed.GetValue(limit).ToString(CultureInfo.InvariantCulture)),
                ("offset", parsed.GetValue(offset).ToString(CultureInfo.InvariantCulture)),
            };
            return SearchAsync(parsed, keys, cancellationToken);
        });
        return command;
    }

    /// <summary>As many pages as the limit wants; a page may be short and still have another one after it.</summary>
    private static async Task<int> KeywordsAsync(ParseResult parsed, List<(string Name, string? Value)> keys, int limit, CancellationToken cancellationToken)
    {
        using var client = Connection.Open(parsed);
        var query = string.Join('&', keys.Where(k => !string.IsNullOrEmpty(k.Value)).Select(k => $"{k.Name}={Uri.EscapeDataString(k.Value!)}"));
        var studies = new List<Study>();
        string? next = null;
        do
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"api/studies?{query}&limit={Math.Clamp(limit - studies.Count, 1, 500)}{(next is null ? "" : "&next=" + Uri.EscapeDataString(next))}");
            using var response = await client.GetAsync(path, cancellationToken);
            if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
            using var answer = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(cancellationToken));
            studies.AddRange(answer.RootElement.GetProperty("items").EnumerateArray().Select(Study.OfSearch));
            next = answer.RootElement.TryGetProperty("next", out var more) ? more.GetString() : null;
        }
        while (next is not null && studies.Count < limit);
        List<string> warnings = next is null ? [] : ["There are more. Use --limit to get them."];
        if (parsed.GetValue(Connection.Json)) Console.WriteLine(JsonSerializer.Serialize(new { items = studies, warnings }, Output.Json));
        else Print(studies, warnings);
        return ExitCode.Done;
    }

    private static async Task<int> SearchAsync(ParseResult parsed, List<(string Name, string? Value)> keys, CancellationToken cancellationToken)
    {
        using var client = Connection.Open(parsed);
        var query = string.Join('&', keys.Where(k => !string.IsNullOrEmpty(k.Value)).Select(k => $"{k.Name}={Uri.EscapeDataString(k.Value!)}"));
        using var request = new HttpRequestMessage(HttpMethod.Get, "dicomweb/studies?" + query);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/dicom+json"));
        using var response = await client.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode) throw await CliException.FromAsync(response, cancellationToken);
        var body = response.StatusCode == HttpStatusCode.NoContent ? "[]"u8.ToArray() : await response.Content.ReadAsByteArrayAsync(cancellationToken);
        using var answer = JsonDocument.Parse(body);
        var studies = answer.RootElement.EnumerateArray().Select(Study.Of).ToList();
        var warnings = response.Headers.Warning.Select(w => w.Text.Trim('"')).ToList();
        if (parsed.GetValue(Connection.Json)) Console.WriteLine(JsonSerializer.Serialize(new { items = studies, warnings }, Output.Json));
        else Print(studies, warnings);
        return ExitCode.Done;
    }

    private static void Print(List<Study> studies, List<string> warnings)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var title in new[] { "Date", "Patient", "ID", "Modality", "Description", "Series", "Images", "Study Instance UID" }) table.AddColumn(new TableColumn(title).NoWrap());
        foreach (var s in studies)
        {
            table.AddRow(Markup.Escape(s.Date), Markup.Escape(s.PatientName), Markup.Escape(s.PatientId), Markup.Escape(s.Modalities), Markup.Escape(s.Description),
                s.Series.ToString(CultureInfo.InvariantCulture), s.Instances.ToString(CultureInfo.InvariantCulture), Markup.Escape(s.StudyInstanceUid));
        }
        // Piped output is for other programs: no column is cut there.
        if (Console.IsOutputRedirected) AnsiConsole.Profile.Width = 400;
        if (studies.Count > 0) AnsiConsole.Write(table);
        Console.WriteLine(studies.Count == 1 ? "1 study" : string.Create(CultureInfo.InvariantCulture, $"{studies.Count} studies"));
        foreach (var warning in warnings) Console.Error.WriteLine(warning);
    }

    private sealed record Study(
        string StudyInstanceUid, string Date, string PatientName, string PatientId, string Modalities, string Description, string Accession, int Series, int Instances)
    {
        private static readonly string[] NameGroups = ["Ideographic", "Alphabetic"];

        public static Study Of(JsonElement item) => new(
            Text(item, "0020000D"), Text(item, "00080020"), Name(item), Text(item, "00100020"), Text(item, "00080061"), Text(item, "00081030"), Text(item, "00080050"),
            Number(item, "00201206"), Number(item, "00201208"));

        public static Study OfSearch(JsonElement item) => new(
            Plain(item, "studyInstanceUid"), Plain(item, "studyDate"), string.Join(' ', Plain(item, "patientName").Split('=').Take(2).Reverse().Where(g => g.Length > 0)
                .Select(g => g.Replace("^", g[0] > 0x2E80 ? "" : " ", StringComparison.Ordinal).Trim())),
            Plain(item, "patientId"), string.Join(',', item.GetProperty("modalities").EnumerateArray().Select(m => m.GetString())), Plain(item, "description"), Plain(item, "accessionNumber"),
            item.GetProperty("series").GetInt32(), item.GetProperty("instances").GetInt32());

        private static string Plain(JsonElement item, string name) => item.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

        private static JsonElement.ArrayEnumerator Values(JsonElement item, string tag) =>
            item.TryGetProperty(tag, out var attribute) && attribute.TryGetProperty("Value", out var values) ? values.EnumerateArray() : default;

        private static string Text(JsonElement item, string tag) => string.Join(',', Values(item, tag).Select(v => v.ToString()));

        private static int Number(JsonElement item, string tag) => Values(item, tag).Select(v => v.TryGetInt32(out var n) ? n : 0).FirstOrDefault();

        /// <summary>The ideographic form beside the alphabetic one, without the separators of the standard.</summary>
        private static string Name(JsonElement item)
        {
            foreach (var value in Values(item, "00100010"))
            {
                if (value.ValueKind != JsonValueKind.Object) continue;
                var groups = NameGroups
                    .Select(g => value.TryGetProperty(g, out var text) ? text.GetString() : null)
                    .Where(t => !string.IsNullOrEmpty(t))
                    .Select((t, i) => t!.Replace("^", t[0] > 0x2E80 ? "" : " ", StringComparison.Ordinal).Trim());
                return string.Join(' ', groups);
            }
            return "";
        }
    }
}
