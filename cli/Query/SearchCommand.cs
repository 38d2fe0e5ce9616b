using System.CommandLine;
using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Spectre.Console;

namespace Skylight.Cli.Query;

/// <summary><c>skylight search</c>: studies of the institution, by QIDO-RS.</summary>
public static class SearchCommand
{
    public static Command Create()
    {
        var patientId = new Option<string?>("--patient-id") { Description = "Patient ID; * and ? stand for any characters." };
        var patientName = new Option<string?>("--patient-name") { Description = "Name in any script: 张*, Zhang*, Müller^Jürgen." };
        var date = new Option<string?>("--date") { Description = "Study date YYYYMMDD, or a range YYYYMMDD-YYYYMMDD with one end or both." };
        var modality = new Option<string?>("--modality") { Description = "Modality in the study: CT, MR, CR …; several joined by commas." };
        var accession = new Option<string?>("--accession") { Description = "Accession number." };
        var uid = new Option<string?>("--uid") { Description = "Study Instance UID; several joined by commas." };
        var limit = new Option<int>("--limit") { Description = "Most studies to list.", DefaultValueFactory = _ => 100 };
        var offset = new Option<int>("--offset") { Description = "Studies to pass over." };
        var command = new Command("search", "List studies, newest first.") { patientId, patientName, date, modality, accession, uid, limit, offset };
        command.SetAction((parsed, cancellationToken) =>
        {
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
