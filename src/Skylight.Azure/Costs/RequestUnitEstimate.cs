namespace Skylight.Azure.Costs;

/// <summary>
/// What an operation should cost in request units by the size of its item, after the table that the documentation of Cosmos DB gives ("Understand request unit
/// consumption": 1 KB 1.00 to read and 4.95 to write, 64 KB 4.76 and 22.67). For stand-ins, which charge one for everything. An estimate, and a low one: indexed
/// values, the work of a query beside reading what it answers, and repetitions inside the service are not in it.
/// </summary>
internal static class RequestUnitEstimate
{
    /// <summary>Reads under bounded staleness or strong consistency, which we ask for, ask two replicas.</summary>
    private const double Consistency = 2;

    private static readonly (double KiB, double Read, double Write)[] Table =
    [
        (1, 1.00, 4.95), (2, 1.04, 6.29), (4, 1.14, 6.67), (8, 1.33, 7.04), (16, 1.67, 9.52), (32, 2.19, 11.23), (64, 4.76, 22.67), (128, 9.95, 48.19),
        (256, 20.28, 98.29), (512, 40.95, 184.57), (1024, 145.90, 625.00), (2048, 291.80, 1250.00),
    ];

    public static double Read(long bytes) => Consistency * At(bytes, static row => row.Read);

    public static double Write(long bytes) => At(bytes, static row => row.Write);

    private static double At(long bytes, Func<(double KiB, double Read, double Write), double> of)
    {
        var kib = bytes / 1024.0;
        if (kib <= Table[0].KiB) return of(Table[0]);
        for (var i = 1; i < Table.Length; i++)
        {
            if (kib > Table[i].KiB) continue;
            var part = (kib - Table[i - 1].KiB) / (Table[i].KiB - Table[i - 1].KiB);
            return of(Table[i - 1]) + (part * (of(Table[i]) - of(Table[i - 1])));
        }

        return of(Table[^1]) * kib / Table[^1].KiB;
    }
}
