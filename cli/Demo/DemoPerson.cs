namespace Skylight.Cli.Demo;

/// <summary>An invented patient. Any likeness is chance.</summary>
/// <param name="CharacterSet">Specific Character Set of the patient's files; null for the default repertoire.</param>
/// <param name="Name">Person name in up to three groups: alphabetic, ideographic, phonetic.</param>
/// <param name="Physician">The referring physician, in the same character set.</param>
internal sealed record DemoPerson(
    string Id, string? CharacterSet, string Name, string BirthDate, string Sex, string Age, double Height, double Weight, string Institution, string Physician)
{
    public static DemoPerson ZhangWei { get; } = new(
        "DEMO-0001", "GB18030", "Zhang^Wei=张^伟=zhāng^wěi", "19680412", "M", "057Y", 1.74, 72, "晴川市第一人民医院", "Wang^Fang=王^芳=wáng^fāng");

    public static DemoPerson LiNa { get; } = new(
        "DEMO-0002", "ISO_IR 192", "Li^Na=李^娜=lǐ^nà", "19910823", "F", "034Y", 1.63, 55, "晴川市第一人民医院", "Liu^Yang=刘^洋=liú^yáng");

    public static DemoPerson MuellerJuergen { get; } = new(
        "DEMO-0003", "ISO_IR 100", "Müller^Jürgen", "19550228", "M", "070Y", 1.81, 88, "Klinik Schönblick", "Großmann^Käthe^^Dr.");

    public static DemoPerson ChenJing { get; } = new(
        "DEMO-0004", null, "Chen^Jing", "19830105", "F", "043Y", 1.66, 60, "Qingchuan First Hospital", "Zhao^Min");
}
