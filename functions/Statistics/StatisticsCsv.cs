using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Mvc;
using Skylight.Core.Statistics;

namespace Skylight.Functions.Statistics;

/// <summary>A statistic as CSV (RFC 4180, UTF-8 with a byte order mark, which spreadsheets need to show Chinese).</summary>
internal static class StatisticsCsv
{
    public static IActionResult Answer(SavedStatistics.Saved saved)
    {
        var text = new StringBuilder("\uFEFF").AppendJoin(',', saved.Definition.By.Select(dimension => Cell(Name(dimension))).Concat(["studies", "instances", "bytes"])).Append("\r\n");
        foreach (var row in saved.Result?.Rows ?? [])
            text.AppendJoin(',', row.Keys.Select(Cell)).Append(row.Keys.Count > 0 ? "," : "").Append(CultureInfo.InvariantCulture, $"{row.Studies},{row.Instances},{row.Bytes}\r\n");
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        return Http.Answer.Stream("text/csv; charset=utf-8", async (body, token) => await body.WriteAsync(bytes, token), length: bytes.Length);
    }

    private static string Name(StatisticsDimension dimension) => dimension.ToString() is var name ? char.ToLowerInvariant(name[0]) + name[1..] : "";

    /// <summary>In quotes; what a spreadsheet would take for a formula is made text.</summary>
    private static string Cell(string value) => $"\"{(value.Length > 0 && value[0] is '=' or '+' or '-' or '@' or '\t' or '\r' ? "'" : "")}{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
